"""`apportion ...` in a forked process, for the many tests that ask what a command does and not how it is started.

A command that starts a stack forks the stack's services too, and may be let into the session's Kafka and PostgreSQL.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from deploy.local import Stack
from deploy.local.process import Process, ProcessId
from tests.stack.service import PRELOADED, become, forked_services
from tests.stack.shared import Guest
from tests.stack.waiting import PATIENCE_SECONDS


def apportion(
    *arguments: str | Path, env: Mapping[str, str] | None = None, within: Stack | None = None
) -> CompletedProcess[str]:
    """Run the command line; `env` comes on top of the environment of the tests.

    Args:
        within: `apportion run` takes its Kafka and PostgreSQL from here, instead of starting them.
    """
    words, environment = ["apportion", *map(str, arguments)], {**os.environ, **(env or {})}
    infrastructure = within.data_dir if within else None
    with tempfile.TemporaryDirectory() as directory:
        output, errors = Path(directory, "out"), Path(directory, "err")
        process = PRELOADED.Process(target=_run, args=(words, environment, output, errors, infrastructure))
        process.start()
        process.join(PATIENCE_SECONDS)
        if process.exitcode is None:
            assert process.pid is not None, "it is started"
            Process(ProcessId.of(process.pid)).kill()
            raise TimeoutError(f"still running after {PATIENCE_SECONDS} s: {words}")
        return CompletedProcess(words, process.exitcode, output.read_text(), errors.read_text())


def _run(
    words: list[str], environment: dict[str, str], output: Path, errors: Path, infrastructure: Path | None
) -> None:
    become(environment, words, output, errors)
    with forked_services(multiprocessing.get_context("fork")), _guests_of(infrastructure):
        runpy.run_module("apportion", run_name="__main__", alter_sys=True)


@contextmanager
def _guests_of(infrastructure: Path | None) -> Iterator[None]:
    if infrastructure is None:
        yield
        return
    shared = Stack.load(infrastructure)
    with patch("apportion.run.Stack", lambda data_dir, progress: Guest(shared, data_dir)):
        yield
