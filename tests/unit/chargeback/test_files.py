"""The files of an issued batch: exact, safe to open, and the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from services.chargeback.files.batch import about, write_batch
from services.chargeback.files.documents import document_json, write_documents
from services.chargeback.files.names import escape, stem, unescape
from services.chargeback.files.sheets import TEXT_CHARACTERS_MAX
from services.chargeback.files.spool import Spool
from services.chargeback.files.tables import write_tables
from services.chargeback.files.xlsx import write_workbook
from shared.events import Invoice, InvoiceRun, InvoiceTotals, encode
from tests.unit.chargeback.builders import direct, issued_invoice, origin, shared

FORMULAS = ["=1+1", '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "#N/A"]
HOSTILE = [*FORMULAS, "'quoted", '"', "a,b\nc\r\x00\x1b"]


def hostile_invoice() -> Invoice:
    charges = [direct(f"d{n}", f"{n}.004", origin(text, account=text)) for n, text in enumerate(HOSTILE)]
    return issued_invoice(
        [*charges, shared("s1", "10.123456789012345678"), shared("s2", "-3.1")], name="=cmd|' /C calc'!A0"
    )


def sheet(path: Path, name: str) -> list[list[object]]:
    return [list(row) for row in CalamineWorkbook.from_path(path).get_sheet_by_name(name).to_python()]


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    write_workbook(tmp_path / "book.xlsx", hostile_invoice())
    return tmp_path / "book.xlsx"


def test_hostile_text_stays_text_and_only_the_checks_are_formulas(workbook: Path) -> None:
    with zipfile.ZipFile(workbook) as archive:
        sheets = {name: archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")}
    with_formulas = [name for name, content in sheets.items() if b"<f>" in content or b"<f " in content]
    assert with_formulas == ["xl/worksheets/sheet4.xml"]
    assert b't="e"' not in b"".join(sheets.values())
    services = {row[3] for row in sheet(workbook, "Lines")[1:]}
    assert {"=1+1", "+1", "-1", "@SUM(A1)", "#N/A"} <= services


def test_a_second_reader_sees_the_amounts_of_the_csv(workbook: Path, tmp_path: Path) -> None:
    invoice = hostile_invoice()
    write_documents(tmp_path, [invoice])
    with (tmp_path / f"{stem(invoice.number or '', invoice.cost_center)}.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    lines = sheet(workbook, "Lines")
    amount, exact = lines[0].index("Amount"), lines[0].index("Exact amount")
    assert [Decimal(repr(row[amount])) for row in lines[1:]] == [Decimal(row["amount"]) for row in rows]
    assert [row[exact] for row in lines[1:]] == [row["exact_amount"] for row in rows]
    assert sum(Decimal(row["amount"]) for row in rows) == invoice.total


def test_totals_are_values_with_formulas_beside_them(workbook: Path) -> None:
    invoice = hostile_invoice()
    facts = {row[0]: row[1] for row in sheet(workbook, "Summary")}
    assert Decimal(repr(facts["Total"])) == invoice.total
    assert Decimal(repr(facts["Total of the period before"])) == 400
    checks = sheet(workbook, "Checks")
    assert Decimal(repr(checks[1][1])) == invoice.total
    assert len(checks) == 7


def test_shared_costs_say_pools_method_weights_and_share(workbook: Path) -> None:
    header, *rows = sheet(workbook, "Shared costs")
    assert header == ["Pools", "Method", "Rule", "Weight", "of total weight", "Share", "Lines", "Amount"]
    assert rows == [["support > platform", "weighted", "support", "3", "4", 0.75, 2, 7.02]]


def test_too_long_text_is_cut_with_a_note(tmp_path: Path) -> None:
    write_workbook(tmp_path / "long.xlsx", issued_invoice([direct("a", "1", origin("x" * 40_000))]))
    service = str(sheet(tmp_path / "long.xlsx", "Lines")[1][3])
    assert len(service) == TEXT_CHARACTERS_MAX
    assert service.endswith("[cut; the CSV and JSON have it whole]")


def test_amounts_that_a_double_cannot_show_are_written_as_text(tmp_path: Path) -> None:
    write_workbook(tmp_path / "large.xlsx", issued_invoice([direct("a", "99999999999999999.99")]))
    assert sheet(tmp_path / "large.xlsx", "Lines")[1][12] == "99999999999999999.99"


@pytest.mark.parametrize(("currency", "number_format"), [("USD", "#,##0.00"), ("JPY", "#,##0"), ("BHD", "#,##0.000")])
def test_number_formats_follow_the_currency(tmp_path: Path, currency: str, number_format: str) -> None:
    write_workbook(tmp_path / "book.xlsx", issued_invoice([direct("a", "12.3456")], currency=currency))
    with zipfile.ZipFile(tmp_path / "book.xlsx") as archive:
        styles = archive.read("xl/styles.xml").decode()
    assert f'formatCode="{number_format}"' in styles or number_format in {
        "#,##0",
        "#,##0.00",
    }  # the latter are built in


BUILD = """
import hashlib, sys
from pathlib import Path
from tests.unit.chargeback.test_files import write_everything
write_everything(Path(sys.argv[1]))
"""


def write_everything(folder: Path) -> None:
    folder.mkdir()
    write_documents(folder, [hostile_invoice()])
    write_tables(folder, [hostile_invoice()])


@pytest.mark.parametrize(("seed", "zone"), [("1", "Asia/Tokyo"), ("2", "America/St_Johns")])
def test_another_process_and_time_zone_write_the_same_bytes(tmp_path: Path, seed: str, zone: str) -> None:
    write_everything(tmp_path / "here")
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": "."}
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path / "there")], env=environment, check=True)
    here, there = ({p.name: p.read_bytes() for p in (tmp_path / f).iterdir()} for f in ("here", "there"))
    assert here == there


def test_json_is_the_frozen_document_without_its_revision() -> None:
    invoice = hostile_invoice()
    document = json.loads(document_json(invoice))
    assert document["format"] == "apportion-invoice/1"
    assert "revision" not in document
    assert document["total"] == str(invoice.total)
    assert sum(Decimal(line["amount"]) for line in document["lines"]) == Decimal(document["total"])
    assert document["lines"][-1]["origin"] == msgspec.to_builtins(invoice.lines[-1].origin)


def test_machine_tables_are_never_prefixed_and_add_up_exactly(tmp_path: Path) -> None:
    invoice = hostile_invoice()
    write_tables(tmp_path, [invoice, issued_invoice([direct("z", "1.5")], number="IC-2026-000002", cost_center="CC-2")])
    with (tmp_path / "lines.csv").open(encoding="utf-8", newline="") as file:
        services = [row["service_name"] for row in csv.DictReader(file)]
    assert "=1+1" in services
    assert not any(ord(character) < 32 for service in services for character in service)
    lines = pq.read_table(tmp_path / "lines.parquet")
    assert lines.schema.field("amount").type == pa.decimal128(38, 18)
    sums = "SELECT number, sum(amount::DECIMAL(38,18)), sum(exact_amount::DECIMAL(38,18)) FROM {} GROUP BY 1 ORDER BY 1"
    for source in ("read_csv('{}/lines.csv', all_varchar=true)", "'{}/lines.parquet'"):
        first = duckdb.execute(sums.format(source.format(tmp_path))).fetchone()
        assert first == (invoice.number, invoice.total, invoice.exact_total)


def test_a_batch_without_documents_still_has_its_tables(tmp_path: Path) -> None:
    write_tables(tmp_path, [])
    assert pq.read_table(tmp_path / "lines.parquet").num_rows == 0
    assert (tmp_path / "invoices.csv").read_text(encoding="utf-8").count("\n") == 1


def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    padding = [direct(f"{n:04}", "1.01", origin("x" * 30_000)) for n in range(40)]
    documents = [encode(issued_invoice(padding, number=f"IC-2026-{n:06}", cost_center=f"CC/{n}")) for n in range(1, 4)]
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        with (tmp_path / f"spool{workers}").open("w+b") as file:
            spool = Spool(file)
            spool.write(documents)
            assert len(spool.chunks()) > 1
            write_batch(tmp_path / str(workers), spool, workers)
    hashes = [
        {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / w).iterdir()} for w in ("1", "2")
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 3 * 3 + 3


def test_the_manifest_says_nothing_that_another_attempt_would_say_differently() -> None:
    totals = InvoiceTotals(
        currency="USD",
        documents=1,
        lines=2,
        invoiced=Decimal("4.1"),
        allocated=Decimal("4.096"),
        rounding=Decimal("0.004"),
    )
    run = InvoiceRun(
        billing_period="2026-01", close_id="2026-01-7", revision=9, allocation_run_id="r", status="issued",
        totals=[totals], documents_hash="h", prepared_by="ana", approved_by="ben",
    )  # fmt: skip
    again = msgspec.structs.replace(run, close_id="2026-01-8", revision=12, allocation_run_id="s", documents_hash="i")
    assert about(run) == about(again)
    assert about(run)["totals"] == [
        {"currency": "USD", "documents": 1, "lines": 2, "invoiced": "4.10", "allocated": "4.096", "rounding": "0.004"}
    ]


@given(st.text(max_size=40))
def test_file_names_are_safe_and_can_be_turned_back(name: str) -> None:
    escaped = escape(name)
    assert set(escaped) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
    if not escaped.endswith("_cut"):
        assert unescape(escaped) == name


def test_a_very_long_name_is_cut_because_the_number_tells_documents_apart() -> None:
    assert len(stem("IC-2026-000001", "ä" * 300)) < 200
    with pytest.raises(ValueError, match="turned back"):
        unescape(escape("ä" * 300))
