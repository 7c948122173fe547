"""One whole run of a small generated month, shared by the tests that look at its result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from deploy.local import Stack
from synthetic.export import Export, generate
from tests.stack.command import apportion
from tests.stack.waiting import PATIENCE_SECONDS

ROWS = 1_000


Command = Callable[..., CompletedProcess[str]]


@dataclass(frozen=True)
class Result:
    """What a run left behind."""

    given: Path
    out: Path
    exit_code: int
    stdout: str
    stderr: str

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "summary.json").read_text())
        return found

    @property
    def totals(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.given / "totals.json").read_text())
        return found

    def folder(self, kind: str) -> Path:
        """`invoices-r1` or `books-r1` of the only month."""
        period: str = self.summary["periods"][0]["period"]
        return self.out / period / f"{kind}-r1"


def interpreted(*arguments: str | Path) -> CompletedProcess[str]:
    """The command line as a user runs it: nothing is forked."""
    command = [sys.executable, "-m", "apportion", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def run(given: Path, out: Path, *more: str | Path, start: Command = apportion) -> Result:
    """`apportion run` on a generated input."""
    done = start(
        "run", "--focus", given / "focus.csv.gz", "--rules", given / "rules.yaml",
        "--provider-invoices", given / "provider-invoices.csv", "--out", out, *more,
    )  # fmt: skip
    return Result(given, out, done.returncode, done.stdout, done.stderr)


@pytest.fixture
def command(shared_stack: Stack) -> Command:
    """`apportion ...` on the session's Kafka and PostgreSQL, for runs that don't ask how those are started."""
    return partial(apportion, within=shared_stack)


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    directory = tmp_path_factory.mktemp("whole-way")
    generate(Export(rows=ROWS, seed=3), directory / "given")
    return run(directory / "given", directory / "out", start=interpreted)
