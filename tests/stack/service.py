"""A service as a process of its own, forked from one that has imported everything: importing costs more than the test.

What runs is what `python -m services.<name>` runs, in a real process that can be killed. The first service that a test
process starts pays for the imports.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkContext, ForkServerContext
from pathlib import Path
from unittest.mock import patch

from apportion.cli import COMMANDS
from deploy.local.process import Process, ProcessId
from shared import failpoints

PRELOADED = multiprocessing.get_context("forkserver")
"""Forks from a process that has imported what services, commands and their libraries import by the time they work."""
PRELOADED.set_forkserver_preload(
    [
        *(f"services.{name}.app" for name in ("intake", "allocator", "chargeback", "ledger")), "apportion.cli",
        *sorted({command.place.partition(":")[0] for command in COMMANDS}),
        "anyio._backends._asyncio", "asyncpg", "encodings.idna", "httpcore", "openpyxl.packaging.extended",
        "pyarrow.dataset", "pydantic.v1", "rich.status", "rich._emoji_codes", "sqlalchemy.dialects.postgresql.asyncpg",
        "typer._adapters", "typer._click.decorators", "uvicorn.lifespan.off", "uvicorn.loops.uvloop",
        "uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.auto",
        # The last one: it keeps what is there out of all later looks for cycles, which would copy it into each process.
        "tests.stack.frozen",
    ]
)  # fmt: skip


class ServiceProcess:
    """A started service; behaves as `subprocess.Popen` does."""

    def __init__(
        self,
        service: str,
        environment: Mapping[str, str],
        log: Path,
        context: ForkServerContext | ForkContext = PRELOADED,
    ) -> None:
        log.touch()
        self._process = context.Process(target=_run, args=(service, dict(environment), str(log)))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None, "it is started"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; minus the signal that killed it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code by now."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"still running after {timeout} s")
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as power loss would."""
        self.send_signal(signal.SIGKILL)


@contextmanager
def forked_services(context: ForkServerContext | ForkContext = PRELOADED) -> Iterator[None]:
    """Let stacks fork their services instead of starting interpreters; everything else of a stack stays as it is."""
    spawn = Process.spawn

    def fork(
        command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Process:
        module = command[-1]
        if not module.startswith("services."):
            return spawn(command, log=log, env=env, cwd=cwd)
        log.parent.mkdir(parents=True, exist_ok=True)
        started = ServiceProcess(module.removeprefix("services."), env or os.environ, log, context)
        return Process(ProcessId.of(started.pid))

    with patch.object(Process, "spawn", fork):
        yield


def become(environment: Mapping[str, str], arguments: Sequence[str], output: Path, errors: Path) -> None:
    """Make this forked process what a new interpreter would be: environment, arguments, where its words go."""
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, output), (2, errors)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, number)
        os.close(descriptor)
    importlib.reload(failpoints)  # it read the environment when it was imported
    sys.argv = list(arguments)


def _run(service: str, environment: dict[str, str], log: str) -> None:
    os.setsid()
    become(environment, [service], Path(log), Path(log))
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
