"""From a FOCUS export to closed books, judged by programs that nobody here wrote."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from tests.e2e.conftest import ROWS, Result

CURRENCIES = ("EUR", "USD")

pytestmark = pytest.mark.slow


def amounts(result: Result, currency: str) -> dict[str, Decimal]:
    [period] = [found for found in result.summary["periods"] if found["currency"] == currency]
    names = ("billed_cost", "effective_cost", "allocated", "suspense", "invoiced", "rounding", "provider_invoiced")
    return {name: Decimal(period[name]) for name in names}


def known(result: Result, currency: str) -> dict[str, Decimal]:
    """The generator's own sums."""
    [period] = [found for found in result.totals["periods"] if found["currency"] == currency]
    return {name: Decimal(period[name]) for name in ("billed_cost", "effective_cost")}


def test_the_month_closes(result: Result) -> None:
    assert result.exit_code == 0, result.stderr
    periods = result.summary["periods"]
    assert {period["currency"] for period in periods} == set(CURRENCIES)
    assert {period["state"] for period in periods} == {"closed"}
    assert sum(period["rows"] for period in periods) == ROWS
    assert [period["breaks"] for period in periods] == [[], []]
    assert result.summary["rejected"] == 0
    assert set(result.summary["seconds"]) == {"stack", "ingest", "allocate", "invoice", "close", "total"}


@pytest.mark.parametrize("currency", CURRENCIES)
def test_every_stage_agrees_with_the_generator_s_own_sums(result: Result, currency: str) -> None:
    found, expected = amounts(result, currency), known(result, currency)
    assert found["billed_cost"] == expected["billed_cost"]
    assert found["effective_cost"] == expected["effective_cost"]
    assert found["allocated"] + found["suspense"] == expected["effective_cost"]
    assert found["invoiced"] - found["rounding"] == found["allocated"]
    in_suspense = [s for s in result.totals["suspense"] if s["currency"] == currency]
    assert found["suspense"] == sum(Decimal(s["effective_cost"]) for s in in_suspense)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_duckdb_adds_the_lines_up_to_the_summary(result: Result, currency: str) -> None:
    lines = result.folder("invoices") / "lines.csv"
    query = (
        "SELECT sum(amount::DECIMAL(38,18)), sum(exact_amount::DECIMAL(38,18)) "
        "FROM read_csv(?, all_varchar=true) WHERE currency = ?"
    )
    charged, exact = duckdb.execute(query, [str(lines), currency]).fetchall()[0]
    assert charged == amounts(result, currency)["invoiced"]
    assert exact == amounts(result, currency)["allocated"]


def test_sums_of_documents_lines_and_parquet_are_the_same(result: Result) -> None:
    folder = result.folder("invoices")
    documents = duckdb.execute(
        "SELECT number, total::DECIMAL(38,18) FROM read_csv(?, all_varchar=true)", [str(folder / "invoices.csv")]
    ).fetchall()
    by_line = dict(
        duckdb.execute(
            "SELECT number, sum(amount::DECIMAL(38,18)) FROM read_csv(?, all_varchar=true) GROUP BY 1",
            [str(folder / "lines.csv")],
        ).fetchall()
    )
    parquet = dict(
        duckdb.execute(
            "SELECT number, sum(amount) FROM read_parquet(?) GROUP BY 1", [str(folder / "lines.parquet")]
        ).fetchall()
    )
    assert dict(documents) == by_line == parquet
    assert len(documents) == sum(period["documents"] for period in result.summary["periods"])


def test_numbers_have_no_gap(result: Result) -> None:
    with (result.folder("invoices") / "invoices.csv").open() as lines:
        numbers = sorted(row["number"] for row in csv.DictReader(lines))
    year = numbers[0].split("-")[1]
    assert numbers == [f"IC-{year}-{n:06}" for n in range(1, len(numbers) + 1)]


def test_every_folder_is_whole_by_its_checksums(result: Result) -> None:
    for kind in ("invoices", "books"):
        folder = result.folder(kind)
        checked = subprocess.run(
            ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert json.loads((folder / "manifest.json").read_text())


def test_a_second_reader_sees_the_invoice_s_total_in_xlsx(result: Result) -> None:
    folder = result.folder("invoices")
    with (folder / "invoices.csv").open() as lines:
        row = next(csv.DictReader(lines))
    [sheet] = folder.glob(f"**/{row['number']}_*.xlsx")
    cells = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_name("Summary").to_python()
    assert any(row["number"] in line for line in cells)
    numbers = {
        f"{cell:.2f}"
        for line in cells
        for cell in line
        if isinstance(cell, (int, float)) and not isinstance(cell, bool)
    }
    assert f"{Decimal(row['total']):.2f}" in numbers


def bean_check(books: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("bean-check")), "--no-cache", str(books)],
        capture_output=True,
        text=True,
        check=False,
    )


def tampered(books: Path, directory: Path) -> Path:
    """The books with one posting changed by 1e-10."""
    copy = directory / books.name
    lines = books.read_text().splitlines()
    for number, line in enumerate(lines):
        words = line.split()
        if line.startswith("  ") and len(words) == 3 and words[2] == "USD" and Decimal(words[1]) != 0:
            changed = Decimal(words[1]) + Decimal("1e-10")
            lines[number] = line.replace(words[1], f"{changed:f}")
            break
        if line.startswith("  ") and len(words) == 3 and words[1] == "USD" and Decimal(words[2]) != 0:
            changed = Decimal(words[2]) + Decimal("1e-10")
            lines[number] = line.replace(words[2], f"{changed:f}")
            break
    else:
        raise AssertionError("no posting found")
    copy.write_text("\n".join(lines) + "\n")
    return copy


def test_bean_check_accepts_the_books_and_refuses_a_changed_posting(result: Result, tmp_path: Path) -> None:
    books = result.folder("books") / "books.beancount"
    assert bean_check(books).returncode == 0, bean_check(books).stderr
    assert bean_check(tampered(books, tmp_path)).returncode != 0


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed (Debian package hledger)")
def test_hledger_accepts_the_books_and_refuses_a_changed_posting(result: Result, tmp_path: Path) -> None:
    books = result.folder("books") / "books.journal"
    check = ["hledger", "check", "-s", "-f"]
    accepted = subprocess.run([*check, str(books)], capture_output=True, text=True, check=False)
    assert accepted.returncode == 0, accepted.stderr
    assert subprocess.run([*check, str(tampered(books, tmp_path))], capture_output=True, check=False).returncode != 0
