"""`make judge`: the FinOps Foundation's validator about what normalising does to a file.

    python -m tests.judges.official

For each provider, a generated FOCUS 1.2 file and intake's export of it are judged by the rules of 1.2 (the only ones
that the validator ships). The export must break no rule that the file itself keeps. Exit code 0 if so, 1 if not; where
the validator can't run it says why and exits with 0. It needs Python 3.12 and installs itself below `.judges`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import duckdb
from focus_data_toolkit.cli import main as toolkit

from services.intake.exporting import ExportFormat, export_rows
from shared.archive import RowsInForce
from shared.focus import COLUMNS
from tests.unit.intake.desk import Desk

HOME: Final = Path(__file__).parents[2] / ".judges"
_REQUIREMENTS: Final = Path(__file__).with_name("official-requirements.txt")
_PYTHON: Final = "python3.12"
_PATIENCE_SECONDS: Final = 600


class CanNotRun(Exception):
    """The validator is not to be had here."""


def main() -> int:
    """Judge, print, and return the exit code."""
    try:
        site = installed()
    except CanNotRun as reason:
        print(f"skipped: {reason}")
        return 0
    worse = False
    for provider in ("aws", "azure", "gcp"):
        with tempfile.TemporaryDirectory() as directory:
            given, ours = prepared(provider, Path(directory))
            before, after = broken_rules(site, given), broken_rules(site, ours)
        added = sorted(after - before)
        worse = worse or bool(added)
        print(
            f"{provider}: the file breaks {len(before)} rules, the export {len(after)}; new: {', '.join(added) or '-'}"
        )
    return 1 if worse else 0


def installed() -> Path:
    """The validator's site-packages, from where it has to run; installed at the first time."""
    python = shutil.which(_PYTHON)
    if python is None or subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode:
        raise CanNotRun(f"the validator needs {_PYTHON}, and there is none on the PATH")
    target = HOME / "focus-validator"
    if not (target / ".installed").exists():
        pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(_REQUIREMENTS)]
        for command in ([python, "-m", "venv", "--clear", str(target)], pip):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise CanNotRun(f"it could not be installed: {done.stderr.strip().splitlines()[-1:]}")
        (target / ".installed").touch()
    return next(target.glob("lib/python*/site-packages"))


def prepared(provider: str, directory: Path) -> tuple[Path, Path]:
    """A generated file, and intake's export of it under the names of 1.2, both as Parquet with typed amounts."""
    assert toolkit(["generate", "--provider", provider, "--focus-version", "1.2", "--out", str(directory)]) == 0
    (source,) = directory.glob("*.csv")
    given, ours, export = (directory / f"{name}.parquet" for name in ("given", "ours", "export"))
    _copy(f"SELECT * REPLACE ({_amounts(source)}) FROM read_csv('{source}', all_varchar = true)", given)
    desk = Desk(directory / "data")
    outcome = desk.deliver(source)
    in_force = [
        RowsInForce(desk.archive.rows(outcome.delivery_id, scope.billing_period), (scope.billing_account_id,))
        for scope in outcome.prepared.scopes
    ]
    export_rows(in_force, export, ExportFormat.PARQUET)
    renamed = "ServiceProviderName AS ProviderName, HostProviderName AS PublisherName"
    _copy(f"SELECT *, {renamed} FROM '{export}'", ours)
    return given, ours


def broken_rules(site: Path, file: Path) -> set[str]:
    """Judge a file; the ids of the rules that it breaks. The validator's exit code says nothing about them."""
    report = file.with_suffix(".xml")
    program = site.parents[2] / "bin" / "focus-validator"
    options = [
        "--validate-version", "1.2", "--focus-dataset", "CostAndUsage", "--block-download", "--applicability-criteria",
        "ALL", "--output-type", "unittest", "--output-destination", str(report),
    ]  # fmt: skip
    subprocess.run(
        [str(program), "--data-file", str(file), *options],
        cwd=site,
        check=True,
        capture_output=True,
        timeout=_PATIENCE_SECONDS,
    )
    cases = list(ET.parse(report).iter("testcase"))
    assert cases, "the validator judged nothing"
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return {str(case.get("name")) for case in failed}


def _amounts(source: Path) -> str:
    names = [name for name, *_ in duckdb.execute(f"DESCRIBE FROM read_csv('{source}', all_varchar = true)").fetchall()]
    amounts = [name for name in names if name in COLUMNS and COLUMNS[name].type == "decimal"]
    return ", ".join(f"{name}::DECIMAL(38,18) AS {name}" for name in amounts)


def _copy(query: str, target: Path) -> None:
    duckdb.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")


if __name__ == "__main__":
    sys.exit(main())
