"""A service as a process of its own, forked from one that has imported everything: importing costs more than the test.

What runs is what `python -m services.<name>` runs, in a real process that can be killed.
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
from pathlib import Path
from unittest.mock import patch

import psutil

from deploy.local.process import Process, ProcessId
from shared import failpoints

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([f"services.{name}.app" for name in ("intake", "allocator", "chargeback", "ledger")])


class ServiceProcess:
    """A started service; behaves as `subprocess.Popen` does."""

    def __init__(self, service: str, environment: Mapping[str, str], log: Path) -> None:
        log.touch()
        self._process = _CONTEXT.Process(target=_run, args=(service, dict(environment), str(log)))
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
def forked_services() -> Iterator[None]:
    """Let stacks fork their services instead of starting interpreters; everything else of a stack stays as it is."""
    spawn = Process.spawn

    def fork(
        command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Process:
        module = command[-1]
        if not module.startswith("services."):
            return spawn(command, log=log, env=env, cwd=cwd)
        log.parent.mkdir(parents=True, exist_ok=True)
        started = ServiceProcess(module.removeprefix("services."), env or os.environ, log)
        return Process(ProcessId(started.pid, psutil.Process(started.pid).create_time()))

    with patch.object(Process, "spawn", fork):
        yield


def _run(service: str, environment: dict[str, str], log: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    importlib.reload(failpoints)  # it read the environment when it was imported
    sys.argv = [service]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
