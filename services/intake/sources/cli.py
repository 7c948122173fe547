"""Commands on places: delivering what one holds, once or for as long as the command runs."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Self

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from services.intake.reading import IntakeRefusal
from services.intake.sources.errors import NothingToDeliver, UnreadablePlace
from services.intake.sources.finding import find
from services.intake.sources.found import FoundDelivery
from services.intake.sources.handing_in import HandedIn, taken_line
from services.intake.sources.handing_over import hand_over, undelivered
from services.intake.sources.location import Location
from services.intake.sources.watching import SETTLED_SECONDS, Watch
from shared.remote import Remote
from shared.settings import ServiceUrls
from shared.terminal import BAD_USAGE, BLOCKED, FAULT, ServiceCommands, err, fail, out

_intake = ServiceCommands("intake")
_NAMES_SHOWN: Final = 5


def is_place(name: str) -> bool:
    """Whether a command's argument is a folder or a URL, and not a file here."""
    return "://" in name or Path(name).is_dir()


def deliver_place(url: str, source: str, terms: Mapping[str, Any]) -> list[HandedIn]:
    """Take in everything that a place holds; deliveries are as they were created. Ends the command if it can't.

    Args:
        terms: what is said about the deliveries; it counts more than what the place says.
    """
    try:
        location = Location(url)
        findings = find(location, file_by_file=False)
        for problem in findings.problems:
            fail(str(problem), BAD_USAGE)
        if not findings.deliveries:
            raise NothingToDeliver(location.url)
        if findings.ignored:
            shown = ", ".join(findings.ignored[:_NAMES_SHOWN])
            err.print(f"not taken, because no exports: {shown}{' ...' * (len(findings.ignored) > _NAMES_SHOWN)}")
        with _intake.connected() as intake, Screen(as_json=False) as screen:
            return _delivered(intake, location, source, findings.deliveries, terms, screen)
    except IntakeRefusal as error:
        fail(str(error), BAD_USAGE)
    except UnreadablePlace as error:
        fail(str(error), FAULT)


def _delivered(
    intake: Remote,
    location: Location,
    source: str,
    found: list[FoundDelivery],
    terms: Mapping[str, Any],
    screen: Screen,
) -> list[HandedIn]:
    """A snapshot may be delivered again at will. Rows that are added are added once."""
    added = [one for one in found if one.style == "append"]
    wanted = [one for one in found if one.style != "append"] + undelivered(intake, source, added)
    wanted.sort(key=lambda one: (one.modified, one.label))
    return [
        hand_over(intake, location, source, one, screen.progress, once=one.style == "append", terms=terms)
        for one in wanted
    ]


def watch(
    place: Annotated[str, typer.Argument(metavar="DIR|URL", help="A folder, s3://, abfs://, az:// or gs://.")],
    source: Annotated[str, typer.Option(help="Who delivers there; deliveries are compared per source.")],
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How long to wait between two looks.")] = 60,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for whatever happens.")] = False,
) -> None:
    """Deliver what a cloud puts into a folder, as it comes, oldest first.

    AWS Data Exports and Azure Cost Management exports are delivered by their manifests, one delivery per billing period
    or run, once all files of it are there; other files one by one, parts of a file together. Files of Invoice Detail,
    Billing Period and Contract Commitment are told by their columns and taken in each for itself. Intake remembers what
    was delivered, so the command may be stopped, started again or run twice. SIGTERM ends it between two deliveries.
    With --once it exits with 3 if something could not be delivered.
    """
    stop = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stop.set())
    try:
        location = Location(place)
    except UnreadablePlace as error:
        fail(str(error), BAD_USAGE)
    with Remote("intake", ServiceUrls().intake_url) as intake, Screen(as_json=as_json) as screen:
        watching = Watch(intake, location, source, screen.report, screen.progress, stop)
        if not once:
            watching.run(every)
        elif not watching.look():
            raise typer.Exit(BLOCKED)


class Screen:
    """What a person or a program sees: events on stdout, uploads on stderr. A lasting problem is told once."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        columns = (SpinnerColumn(), TextColumn("uploading {task.description}"), BarColumn(), DownloadColumn())
        self._bars = Progress(*columns, console=err, transient=True)
        self._looked = False
        self._told: set[str] = set()
        self._problems: set[str] = set()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def progress(self, path: str, sent: int, size: int) -> None:
        """Show how far an upload is; there is one at a time."""
        if not self._bars.task_ids or self._bars.tasks[0].description != path:
            for task in self._bars.task_ids:
                self._bars.remove_task(task)
            self._bars.add_task(path, total=size)
        self._bars.update(self._bars.task_ids[0], completed=sent)

    def report(self, event: dict[str, Any]) -> None:
        """Tell what happened."""
        if event["event"] == "looked":
            self._told, self._problems = self._problems, set()
        if event["event"] == "problem":
            self._problems.add(event["message"])
            if event["message"] in self._told:
                return
        if self._as_json:
            sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        elif line := _line(event, again=self._looked):
            out.print(line, markup=False, soft_wrap=True)
        self._looked = True


def _line(event: dict[str, Any], *, again: bool) -> str | None:
    match event["event"]:
        case "looked":
            return _looked(event, again=again)
        case "delivering":
            return f"{event['label']}: {event['files']} file{'s' * (event['files'] > 1)}, {event['delivery_id']}"
        case "delivered":
            counts = f"{event['rows_read']:,} rows, {event['charges']:,} charges, {event['retractions']:,} retractions"
            todo = f"; see apportion intake quality {event['delivery_id']}" if event["state"] == "held" else ""
            return f"{event['label']}: {event['state']}, {event['error'] or counts}{todo}"
        case "taken":
            return taken_line(event)
        case _:
            return str(event["message"])


def _looked(event: dict[str, Any], *, again: bool) -> str | None:
    """What there is to do; that there is nothing is told once."""
    waiting = f"{event['unsettled']} changed in the last {SETTLED_SECONDS} seconds, left for the next look"
    if not event["new"] and not event["unsettled"]:
        return None if again or event["problems"] else f"nothing new in {event['place']}"
    new = f"{event['new']} new in {event['place']}"
    return f"{new}, {waiting}" if event["unsettled"] else new
