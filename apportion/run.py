"""`apportion run`: the whole job on one machine, from FOCUS files to closed books."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apportion.stack import start_stack
from deploy.local.services import SERVICES
from deploy.local.stack import Stack
from services.intake.sources.handing_in import Uploaded, hand_in
from shared.polling import pauses
from shared.remote import Refused, Remote

SOURCE = "run"
# Nobody could release a delivery of a stack that lives for one run; the rejected rows block the month all the same.
_NEVER_HELD = {"reject_limit": "100%"}
_NO_COSTS = {
    "currency": None, "rows": 0, "billed_cost": "0", "effective_cost": "0", "provider_invoiced": None,
    "allocated": "0", "suspense": "0", "invoiced": "0", "rounding": "0", "documents": 0,
}  # fmt: skip
STEPS = ("stack", "ingest", "allocate", "invoice", "close", "total")
_PATIENCE_SECONDS = 900
_QUIET_SECONDS = 30

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What to run: input files, rules, where to put the result, and who prepares and approves."""

    focus: Sequence[Path]
    bundle: dict[str, Any]
    out: Path
    provider_invoices: Path | None = None
    periods: Sequence[str] = ()
    prepared_by: str = "demo-preparer"
    approved_by: str = "demo-approver"
    keep_stack: bool = False


class InputRefused(Exception):
    """The input can't be read; nothing of it was taken."""


class Stuck(Exception):
    """A step does not come to its end."""


@dataclass
class Outcome:
    """What `summary.json` says."""

    periods: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))

    @contextmanager
    def timed(self, step: str):  # type: ignore[no-untyped-def]
        """Add the time of a step to `seconds`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] = round(self.seconds[step] + time.monotonic() - started, 3)

    @property
    def closed(self) -> bool:
        """Whether every period is closed, and there is one."""
        return bool(self.periods) and all(period["state"] == "closed" for period in self.periods)

    def as_json(self) -> dict[str, Any]:
        """The document of `summary.json`."""
        return {
            "periods": self.periods, "rejected": self.rejected, "seconds": self.seconds, "findings": self.findings
        }  # fmt: skip


def run(job: Job, progress: Progress) -> Outcome:
    """Start a stack, take the job through it, write `summary.json`, stop the stack.

    Raises:
        InputRefused: if a file can't be read; what was written so far is removed.
        Stuck: if a step does not end; the stack's data and logs stay for a look.
    """
    outcome, created = Outcome(), not job.out.exists()
    job.out.mkdir(parents=True, exist_ok=True)
    stack_dir = job.out / ".stack"
    try:
        with outcome.timed("total"), Stack(stack_dir, progress=progress) as stack:
            with outcome.timed("stack"):
                start_stack(stack, job.out.absolute(), progress)
            with ExitStack() as connections:
                services = {
                    service: connections.enter_context(Remote(service, stack.url(service))) for service in SERVICES
                }
                Steps(job, services, outcome, progress, lambda: _raise_if_dead(stack)).all()
    except InputRefused:
        shutil.rmtree(job.out if created else stack_dir)
        raise
    if outcome.closed and not job.keep_stack:
        shutil.rmtree(stack_dir)
    (job.out / "summary.json").write_text(json.dumps(outcome.as_json(), indent=2) + "\n")
    return outcome


class Steps:
    """The steps of the job against running services.

    Args:
        watch: called between two looks at a service; raises when waiting has become pointless.
    """

    def __init__(
        self, job: Job, services: Mapping[str, Remote], outcome: Outcome, progress: Progress, watch: Callable[[], None]
    ) -> None:
        self._job, self._services, self._outcome, self._progress = job, services, outcome, progress
        self._watch = watch

    def all(self) -> None:
        """Rules, costs, then every period, oldest first."""
        try:
            people = {"applied_by": self._job.prepared_by, "approved_by": self._job.approved_by}
            self._services["allocator"].post("/v1/rule-sets", self._job.bundle | people)
            with self._outcome.timed("ingest"):
                delivery = self._ingest()
        except Refused as error:
            raise InputRefused(str(error)) from None
        self._outcome.rejected = delivery.get("rejected_rows", 0)
        self._outcome.findings = delivery.get("findings", [])
        for period in periods_to_close(self._job.periods, delivery):
            self.close(period)

    def _ingest(self) -> dict[str, Any]:
        if self._job.provider_invoices is not None:
            self._services["intake"].upload("/v1/provider-invoices", self._job.provider_invoices)
        intake, files = self._services["intake"], []
        for file in self._job.focus:
            self._progress(f"uploading {file.name}")
            files.append(Uploaded.answered(str(file), intake.upload("/v1/files", file)))
        started = hand_in(intake, SOURCE, files, terms=_NEVER_HELD).delivery
        if started is None:
            raise InputRefused("no file is Cost and Usage")
        delivery: dict[str, Any] = self._wait("ingest", lambda: self._delivery(started["delivery_id"]))
        return delivery

    def _delivery(self, delivery_id: str) -> dict[str, Any] | None:
        delivery: dict[str, Any] = self._services["intake"].get(f"/v1/deliveries/{delivery_id}")
        self._progress(f"delivery {delivery['state']}: {delivery.get('events_published', 0):,} cost events published")
        if delivery["state"] == "refused":
            raise InputRefused(delivery["error"])
        return delivery if delivery["state"] == "complete" else None

    def close(self, period: str) -> None:
        """Close one period: allocate, invoice, reconcile."""
        ledger = f"/v1/periods/{period}"
        with self._outcome.timed("allocate"):
            self._progress(f"{period}: closing, the allocator makes its final run")
            self._services["ledger"].post(f"{ledger}/close", {"requested_by": self._job.prepared_by})
            asked_at = time.monotonic()
            blocked = self._wait(period, lambda: self._drafted_or_blocked(period, asked_at))
        if not blocked:
            with self._outcome.timed("invoice"):
                self._progress(f"{period}: approving and issuing invoices")
                self._services["chargeback"].post(f"{ledger}/approve", {"approved_by": self._job.approved_by})
                self._services["chargeback"].post(f"{ledger}/issue")
                self._wait(period, lambda: self._issued(period))
            with self._outcome.timed("close"):
                self._progress(f"{period}: reconciling and closing the books")
                self._wait(period, lambda: self._ended(period))
        self._outcome.periods += self._figures(period)

    def _drafted_or_blocked(self, period: str, asked_at: float) -> str | None:
        state = self._services["ledger"].get(f"/v1/periods/{period}")["state"]
        if state == "blocked":
            return "blocked"
        invoices = self._services["chargeback"].get(f"/v1/periods/{period}")
        if time.monotonic() - asked_at > _QUIET_SECONDS:
            for reason in invoices["waiting_for"]:
                self._progress(f"{period}: waiting: {reason}")
        return "" if invoices["status"] == "drafted" else None

    def _issued(self, period: str) -> bool | None:
        """Whether the documents are issued and their files lie where they belong."""
        return bool(self._services["chargeback"].get(f"/v1/periods/{period}")["files"]) or None

    def _ended(self, period: str) -> bool | None:
        return self._services["ledger"].get(f"/v1/periods/{period}")["state"] in {"closed", "blocked"} or None

    def _figures(self, period: str) -> list[dict[str, Any]]:
        """One entry per currency, or one without, from the ledger: it has read everything by itself."""
        found = self._services["ledger"].get(f"/v1/periods/{period}")
        return [
            {"period": period, "currency": stage["currency"], "state": found["state"], "basis": found["basis"]}
            | {name: value for name, value in stage.items() if name != "currency"}
            | {"breaks": [b for b in found["breaks"] if b.get("currency") in {None, stage["currency"]}]}
            for stage in found["stages"] or [_NO_COSTS]
        ]

    def _wait(self, what: str, ask: Callable[[], Any]) -> Any:
        """Ask until there is an answer."""
        deadline, pause = time.monotonic() + _PATIENCE_SECONDS, pauses()
        while (answer := ask()) is None:
            self._watch()
            if time.monotonic() > deadline:
                waiting = self._services["ledger"].get(f"/v1/periods/{what}").get("waiting_for", [])
                raise Stuck(f"{what}: no progress for {_PATIENCE_SECONDS} s; waiting for: {'; '.join(waiting)}")
            time.sleep(next(pause))
        return answer


def periods_to_close(asked: Collection[str], delivery: Mapping[str, Any]) -> list[str]:
    """The periods asked for, or all that a delivery has rows of, rejected ones too.

    Raises:
        InputRefused: if a period is asked for that no row is of.
    """
    found = {total["billing_period"] for total in delivery["snapshot"]} | set(delivery.get("rejected_periods", ()))
    if missing := sorted(set(asked) - found):
        held = ", ".join(sorted(found)) or "no period"
        raise InputRefused(f"no row is of {', '.join(missing)}; the files hold {held}")
    return sorted(set(asked) or found)


def _raise_if_dead(stack: Stack) -> None:
    """Name a process that ended instead of waiting for it."""
    for part in stack.status():
        if not part.running:
            raise Stuck(f"{part.name} ended unexpectedly; its log is {part.log}")
