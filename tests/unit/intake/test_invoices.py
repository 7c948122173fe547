from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from services.intake.domain.invoices import InvoiceContent, InvoiceKey
from services.intake.reading.errors import DuplicateColumn, EmptyFile, IntakeRefusal, NotInvoices
from services.intake.reading.invoices import read_invoices

HEAD = "issuer,invoice_id,billing_period,currency,amount\n"
DETAIL = "InvoiceIssuerName,InvoiceId,BillingPeriodStart,BillingCurrency,BilledCost,InvoiceIssueStatus,Extra\n"


def read(tmp_path: Path, text: str) -> dict[InvoiceKey, InvoiceContent]:
    file = tmp_path / "invoices.csv"
    file.write_text(text)
    return read_invoices(file, file.name)


def test_a_simple_table(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "Cloud,P-1,2026-01,USD,-1.5E1\nCloud,P-1,2026-01,EUR,2\n")
    assert found == {
        InvoiceKey("Cloud", "P-1", "2026-01", "USD"): InvoiceContent(Decimal(-15), "Issued"),
        InvoiceKey("Cloud", "P-1", "2026-01", "EUR"): InvoiceContent(Decimal(2), "Issued"),
    }


def test_invoice_detail_is_added_up(tmp_path: Path) -> None:
    lines = "Cloud,P-1,2026-01-01T00:00:00Z,USD,0.1,Open,\nCloud,P-1,2026-01-01 00:00:00,USD,0.2,Open,x\n"
    found = read(tmp_path, DETAIL + lines)
    assert found == {InvoiceKey("Cloud", "P-1", "2026-01", "USD"): InvoiceContent(Decimal("0.3"), "Open")}


def test_gzip_and_parquet_mean_the_same(tmp_path: Path) -> None:
    text = DETAIL + "Cloud,P-1,2026-01-01T00:00:00Z,USD,10.10,Issued,\n"
    expected = read(tmp_path, text)
    packed, parquet = tmp_path / "a", tmp_path / "b"
    packed.write_bytes(gzip.compress(text.encode()))
    duckdb.execute(
        "COPY (SELECT * REPLACE (BilledCost::DECIMAL(10,2) AS BilledCost, BillingPeriodStart::TIMESTAMP AS "
        f"BillingPeriodStart) FROM read_csv('{tmp_path / 'invoices.csv'}')) TO '{parquet}' (FORMAT parquet)"
    )
    assert read_invoices(packed, "a") == read_invoices(parquet, "b") == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Cloud,P-1,2026-01,USD,ten", "line 2: amount has 'ten', but must be a decimal number"),
        ("Cloud,P-1,2026-01,USD,1E-19", "line 2: amount has '1E-19', but must have at most 18 decimals"),
        ("Cloud,P-1,2026-13,USD,1", "line 2: billing_period has '2026-13', but must be a billing period such as"),
        ("Cloud,P-1,2026-01,US,1", "line 2: currency has 'US', but must be an ISO 4217"),
        ("Cloud,,2026-01,USD,1", "line 2: invoice_id has no value, but every invoice needs a value here"),
        ("Cloud,P-1,2026-01,USD,1\nCloud,P-1,2026-01,USD,1", "line 3: invoice_id has 'P-1', but an invoice may"),
        ("Cloud,P-1,2026-01,USD", "line 2: 4 fields where the header has 5"),
    ],
)  # fmt: skip
def test_a_bad_line_refuses_the_file(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(IntakeRefusal) as caught:
        read(tmp_path, HEAD + line + "\n")
    assert f"invoices.csv, {message}" in str(caught.value)


def test_lines_of_one_invoice_must_agree_on_its_status(tmp_path: Path) -> None:
    lines = "Cloud,P-1,2026-01-01,USD,1,Open,\nCloud,P-1,2026-01-01,USD,1,Issued,\n"
    with pytest.raises(IntakeRefusal, match="other lines of P-1 say Open"):
        read(tmp_path, DETAIL + lines)
    with pytest.raises(IntakeRefusal, match="must be one of Open, Issued, Voided"):
        read(tmp_path, DETAIL + lines.replace("Open", "Paid"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", EmptyFile), (HEAD, EmptyFile), ("a,b\n1,2\n", NotInvoices),
        (HEAD.replace("amount", "amount,amount") + "Cloud,P-1,2026-01,USD,1,1\n", DuplicateColumn),
    ],
)  # fmt: skip
def test_files_without_invoices(tmp_path: Path, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(tmp_path, text)
