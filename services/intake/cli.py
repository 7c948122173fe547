"""Intake's commands: delivering files; `services.intake.commands` has the others. Thin HTTP clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.intake.commands.listing import show_delivery
from services.intake.domain.delivery import ENDED
from services.intake.domain.holding import NotALimit, checked_limit
from services.intake.reading import IntakeRefusal, check_file
from services.intake.sources.cli import deliver_place, is_place
from shared.terminal import BAD_USAGE, BLOCKED, Json, ServiceCommands, err, fail, print_json

_POLL_SECONDS = 0.2
_SETTLED = {"held", *ENDED}
_intake = ServiceCommands("intake")


def ingest(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE... | DIR | URL", help="FOCUS Cost and Usage files, or one place that holds them."),
    ],
    source: Annotated[str, typer.Option(help="Who delivers, such as aws-main; deliveries are compared per source.")],
    provider_invoices: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True,
            help="What the providers ask for: CSV (issuer, invoice_id, billing_period, currency, amount), "
            "or FOCUS 1.4 Invoice Detail.",
        ),
    ] = None,
    reject_limit: Annotated[
        str | None,
        typer.Option(
            help="Rows (10) or share of the rows (0.5%) that may be rejected before the delivery is held; by default "
            "what intake's settings say."
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Deliver FOCUS files (1.0 to 1.4; CSV, JSON Lines or Parquet) and wait until their costs are published.

    All files of one call are one delivery. A folder or a URL (s3://, abfs://, az://, gs://) is read by its provider's
    manifest, AWS Data Exports or Azure Cost Management, one delivery per billing period or run; without manifest all of
    its files are one. A delivery replaces everything that the source delivered before for the payers and
    billing periods in it; only the difference is published, so delivering a file again does no harm. Rows that can't
    be read are kept as dead letters, and the period they belong to can't close before a delivery without them. With
    more of them than the limit, or with much less than what is in force, the delivery is held: nothing is published
    until somebody releases it.

    Exit codes: 0 published; 3 held; 2 refused, nothing published; 1 a fault.
    """
    _check_limit(reject_limit)
    paths = [] if any(map(is_place, files)) else _checked(files)
    if provider_invoices is not None:
        answer = _intake.upload("/v1/provider-invoices", provider_invoices)
        err.print(f"provider invoices: {answer['rows']} lines, {answer['published']} new or changed")
    if not paths and len(files) > 1:
        fail("name one folder or URL, or any number of files", BAD_USAGE)
    ended = (
        [_deliver(source, paths, reject_limit)]
        if paths
        else [_followed(one) for one in deliver_place(files[0], source, reject_limit)]
    )
    if as_json:
        print_json(ended[0] if paths else ended)
    for delivery in ended:
        if delivery["state"] != "refused" and not as_json:
            show_delivery(delivery)
        _fail_unless_complete(delivery)


def _check_limit(limit: str | None) -> None:
    try:
        checked_limit(limit)
    except NotALimit as error:
        fail(str(error), BAD_USAGE)


def _fail_unless_complete(delivery: dict[str, Any]) -> None:
    if delivery["state"] == "refused":
        fail(f"nothing was published: {delivery['error']}", BAD_USAGE)
    name = delivery["delivery_id"]
    if delivery["state"] == "held":
        fail(
            f"nothing was published: the delivery is held. Look at `apportion intake quality {name}`, then "
            f"`apportion intake release {name} --by NAME --reason TEXT`, or cancel it, or deliver a mended export",
            BLOCKED,
        )
    if delivery["state"] != "complete":
        fail(f"nothing was published: the delivery was held, and is {delivery['state']} now", BLOCKED)


def _checked(files: list[str]) -> list[Path]:
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.is_file():
            fail(f"{path}: there is no such file", BAD_USAGE)
        try:
            check_file(path)
        except IntakeRefusal as error:
            fail(str(error), BAD_USAGE)
    return paths


def _deliver(source: str, files: list[Path], reject_limit: str | None) -> dict[str, Any]:
    with _progress() as progress:
        task = progress.add_task("uploading", total=None)
        received = []
        for file in files:
            progress.update(task, description=f"uploading {file.name}")
            received.append(_intake.upload("/v1/files", file))
        references = [{"name": one["name"], "sha256": one["sha256"]} for one in received]
    order = {"source": source, "files": references, "reject_limit": reject_limit}
    return _followed(_intake.post("/v1/deliveries", order))


def _followed(delivery: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of a delivery."""
    with _progress() as progress:
        task = progress.add_task("waiting", total=None)
        while delivery["state"] not in _SETTLED:
            time.sleep(_POLL_SECONDS)
            delivery = _intake.get(f"/v1/deliveries/{delivery['delivery_id']}")
            events = sum(delivery["partition_events"])
            progress.update(task, description=_doing(delivery), total=events or None,
                            completed=delivery["events_published"])  # fmt: skip
    return delivery


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)


def _doing(delivery: dict[str, Any]) -> str:
    if delivery["partition_events"]:
        return f"publishing: {delivery['events_published']:,} of {sum(delivery['partition_events']):,} cost events"
    return f"reading: {delivery['rows_read']:,} rows"
