"""One process of a service: how it is started, and how we know that it is ready."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local import doctor, ports
from deploy.local.errors import ProcessDied, ProcessNotReady
from deploy.local.process import Process, tail_of

SERVICES = ("intake", "allocator", "chargeback", "ledger")
"""In the order of the data: the order they are stopped in is the reverse."""

_POLL_S = 0.05


def module_command(service: str) -> Sequence[str]:
    """Every service is a module that runs itself."""
    return (sys.executable, "-m", f"services.{service}")


@dataclass(frozen=True)
class ServiceProcess:
    """A running process of `service`. Instances share the service's data directory, as hosts share a volume."""

    service: str
    instance: int
    port: int
    log: Path
    process: Process

    @property
    def name(self) -> str:
        """What people and logs call it: `allocator`, and `allocator-2` for a second one."""
        return instance_name(self.service, self.instance)

    @property
    def url(self) -> str:
        """Where its HTTP API answers."""
        return url_of(self.port)

    def not_ready(self, seconds: float, answer: str) -> ProcessNotReady:
        """The error for one that runs but doesn't get there."""
        return ProcessNotReady(self.name, seconds, answer, self.log, tail_of(self.log))

    def raise_if_dead(self) -> None:
        """Waiting for a process that has ended is pointless: say at once why it ended."""
        if not self.process.alive():
            raise ProcessDied(self.name, self.process.exit_code(), self.log, tail_of(self.log))


@dataclass(frozen=True)
class Launcher:
    """Starts services in one data directory. `command` is replaceable so that tests can stand in for services."""

    data_dir: Path
    command: Callable[[str], Sequence[str]] = module_command

    def launch(self, service: str, instance: int, port: int, env: Mapping[str, str]) -> ServiceProcess:
        """Return as soon as the process exists; `wait_until_ready` comes next."""
        home = doctor.writable_directory(self.data_dir / service)
        log = self.data_dir / "logs" / f"{instance_name(service, instance)}.log"
        own = {
            "APPORTION_DATA_DIR": str(home),
            "APPORTION_INSTANCE": str(instance),
            f"APPORTION_{service.upper()}_HTTP_PORT": str(port),
            "APPORTION_ALLOCATOR_ARCHIVE_DIR": str(self.data_dir / "intake" / "archive"),
            "PYTHONUNBUFFERED": "1",
        }
        process = Process.spawn(self.command(service), log=log, env={**os.environ, **own, **env}, cwd=home)
        return ServiceProcess(service, instance, port, log, process)


def wait_until_ready(started: Sequence[ServiceProcess], timeout_s: float) -> None:
    """Until all answer 200 at /readyz. Raises for the first that died, or that isn't ready when the time is up."""
    begun = time.monotonic()
    waiting = list(started)
    # Plain HTTP, so the machine's certificates needn't be read, which takes longer than a service's answer.
    with httpx.Client(timeout=2, trust_env=False, verify=False) as client:  # noqa: S501
        while True:
            answers = {one.name: _readiness(client, one) for one in waiting}
            waiting = [one for one in waiting if answers[one.name]]
            if not waiting:
                return
            for one in waiting:
                one.raise_if_dead()
            if time.monotonic() - begun > timeout_s:
                raise waiting[0].not_ready(timeout_s, answers[waiting[0].name])
            time.sleep(_POLL_S)


def _readiness(client: httpx.Client, one: ServiceProcess) -> str:
    """Empty when ready, else what the service said."""
    try:
        answer = client.get(f"{one.url}/readyz")
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return "" if answer.status_code == httpx.codes.OK else f"{answer.status_code} {answer.text[:500]}"


def instance_name(service: str, instance: int) -> str:
    """The first instance has the service's own name."""
    return service if instance == 1 else f"{service}-{instance}"


def url_of(port: int) -> str:
    """The address of a service on this machine."""
    return f"http://{ports.LOOPBACK}:{port}"
