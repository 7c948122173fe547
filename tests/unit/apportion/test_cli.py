"""Commands are imported when they are called, and the root still says about each what it says itself."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from apportion.cli import COMMANDS
from apportion.lazily import Named

_HEAVY = ("aiokafka", "alembic", "asyncpg", "duckdb", "lxml", "openpyxl", "pyarrow", "sqlalchemy")
_PROGRAM = """
import sys
from apportion.cli import app
try:
    app({arguments!r}, prog_name="apportion")
finally:
    print("loaded:", *(name for name in {heavy!r} if name in sys.modules))
"""


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_the_summary_of_a_command_is_its_own(command: Named) -> None:
    assert command.summary == " ".join(inspect.cleandoc(command.load().help).split("\n\n")[0].split())


@pytest.mark.parametrize("arguments", [["--help"], ["period", "status"], ["kpis", "2026-01"], ["dead-letters", "list"]])
def test_what_only_asks_a_service_starts_without_databases_and_file_formats(arguments: list[str]) -> None:
    # A fresh interpreter: this one has imported everything already.
    nobody = {f"APPORTION_{name}_URL": "http://127.0.0.1:1" for name in ("ALLOCATOR", "INTAKE", "LEDGER")}
    program = _PROGRAM.format(arguments=arguments, heavy=_HEAVY)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=nobody)

    assert found.stdout.splitlines()[-1].strip() == "loaded:", found.stdout + found.stderr
    assert ("Day to day" in found.stdout) if arguments == ["--help"] else ("127.0.0.1:1" in found.stderr), found.stderr


def test_a_command_with_heavy_imports_loads_them_when_it_is_called() -> None:
    program = _PROGRAM.format(arguments=["allocations", "--help"], heavy=_HEAVY)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "duckdb" in found.stdout.splitlines()[-1]


def test_a_misspelt_command_is_told_the_nearest_one() -> None:
    program = _PROGRAM.format(arguments=["kpi"], heavy=_HEAVY)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (found.returncode, "'kpis'" in found.stderr) == (2, True), found.stderr
