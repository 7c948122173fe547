"""`apportion ...` in a forked process, for the many tests that ask what a command does and not how it is started.

A command that starts a stack forks the stack's services too.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from deploy.local.process import Process, ProcessId
from tests.stack.service import PRELOADED, become, forked_services

_PATIENCE_SECONDS = 170


def apportion(*arguments: str | Path, env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run the command line; `env` comes on top of the environment of the tests."""
    words = ["apportion", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as directory:
        output, errors = Path(directory, "out"), Path(directory, "err")
        process = PRELOADED.Process(target=_run, args=(words, {**os.environ, **(env or {})}, output, errors))
        process.start()
        process.join(_PATIENCE_SECONDS)
        if process.exitcode is None:
            assert process.pid is not None, "it is started"
            Process(ProcessId.of(process.pid)).kill()
            raise TimeoutError(f"still running after {_PATIENCE_SECONDS} s: {words}")
        return CompletedProcess(words, process.exitcode, output.read_text(), errors.read_text())


def _run(words: list[str], environment: dict[str, str], output: Path, errors: Path) -> None:
    become(environment, words, output, errors)
    with forked_services(multiprocessing.get_context("fork")):
        runpy.run_module("apportion", run_name="__main__", alter_sys=True)
