"""Running the whole job while its processes are killed, and comparing the result with the undisturbed run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from apportion.jobs import checked_bundle
from apportion.run import Job, Outcome, Steps
from apportion.stack import prepare
from deploy.local import SERVICES, LocalStackError, Stack
from shared.remote import Refused, Remote, Unreachable
from synthetic.export import Export, generate
from tests.stack.waiting import PATIENCE_SECONDS

ROWS = 4_000
_LOOK_SECONDS = 0.05


def make_input(directory: Path, rows: int = ROWS) -> Path:
    """A small month with everything in it."""
    generate(Export(rows=rows, seed=7), directory, lambda _: None)
    return directory


def job_of(given: Path, out: Path) -> Job:
    """The job on a generated input."""
    return Job([given / "focus.csv.gz"], checked_bundle(given / "rules.yaml"), out, given / "provider-invoices.csv")


class Supervisor:
    """Starts services with a failpoint each, and after each death again, with the next one of the plan."""

    def __init__(self, stack: Stack, files_dir: Path, plan: Mapping[str, Sequence[str]]) -> None:
        self._stack, self._files_dir = stack, files_dir
        self._plan = {service: list(plan.get(service, ())) for service in SERVICES}
        self.deaths: list[str] = []
        self._armed: dict[str, str] = {}

    def is_next(self, step: str) -> bool:
        """Whether a service is to die at this step now."""
        return step in self._armed.values()

    def start(self) -> None:
        """Start all four services."""
        for service in SERVICES:
            self._start(service)

    def watch(self) -> None:
        """Start again what has died."""
        for part in self._stack.status():
            if part.name in self._plan and not part.running:
                self.deaths.append(self._armed[part.name])
                self._start(part.name)

    def _start(self, service: str) -> None:
        while True:
            self._armed[service] = self._plan[service].pop(0) if self._plan[service] else ""
            env = {"APPORTION_FILES_DIR": str(self._files_dir), "APPORTION_FAILPOINT": self._armed[service]}
            try:
                self._stack.start(service, env=env)
                return
            except LocalStackError:
                assert self._armed[service], f"{service} does not start"
                self.deaths.append(self._armed[service])


class PatientRemote(Remote):
    """Asks again while a service is down, as a person at a terminal would."""

    def __init__(
        self, service: str, url: str, watch: Callable[[], None], is_early: Callable[[str], bool] = lambda _: False
    ) -> None:
        super().__init__(service, url)
        self._watch, self._is_early = watch, is_early

    def post(self, path: str, body: object = None) -> Any:
        """POST; what was carried out before the crash is refused as done the second time, which is fine."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._is_early(path):
            assert time.monotonic() < deadline, f"{path} would come before a step of the plan that is not reached"
            time.sleep(_LOOK_SECONDS)
            self._watch()
        try:
            return super().post(path, body)
        except Refused as error:
            if error.status == httpx.codes.CONFLICT:
                return {}
            raise

    def _answer(self, request: Callable[[], httpx.Response]) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return super()._answer(request)
            except (Unreachable, Refused) as error:
                down = isinstance(error, Unreachable) or error.status >= httpx.codes.INTERNAL_SERVER_ERROR
                if not down or time.monotonic() > deadline:
                    raise
            self._watch()


def run_disturbed(
    stack: Stack, job: Job, plan: Mapping[str, Sequence[str]], disturb: Callable[[Stack], None] = lambda _: None
) -> tuple[Outcome, list[str]]:
    """Take the job through a stack whose services die by plan; returns the outcome and what killed them."""
    stack.start_infrastructure()
    prepare(stack)
    supervisor = Supervisor(stack, job.out.absolute(), plan)
    supervisor.start()

    def watch() -> None:
        disturb(stack)
        supervisor.watch()

    def is_early(path: str) -> bool:
        """Drafts are published beside whatever happens next: who approves at once may be faster than that step."""
        return path.endswith("/approve") and supervisor.is_next("chargeback.outbox.published")

    outcome = Outcome()
    with ExitStack() as connections:
        services = {
            service: connections.enter_context(PatientRemote(service, stack.url(service), watch, is_early))
            for service in SERVICES
        }
        Steps(job, services, outcome, lambda _: None, watch).all()
    return outcome, supervisor.deaths


def fingerprint(directory: Path) -> dict[str, str]:
    """SHA-256 of every published file by its path."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def figures(outcome: Outcome) -> list[dict[str, Any]]:
    """What must not depend on what happened on the way."""
    return [{name: value for name, value in period.items() if name != "seconds"} for period in outcome.periods]
