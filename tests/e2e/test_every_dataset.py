"""A month that is closed against the providers' own Invoice Detail, given beside the costs."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from synthetic.export import Export, generate
from tests.e2e.conftest import Command, Result
from tests.unit.intake.exports import write_csv
from tests.unit.intake.samples import SAMPLES


def invoice_details(table: Path, file: Path) -> dict[str, Decimal]:
    """Write the invoices of a plain table as FOCUS has them, each in two lines; their sums by currency."""
    with (SAMPLES / "invoice-detail-1.4.csv").open(newline="") as stream:
        sample = next(csv.DictReader(stream))
    with table.open(newline="") as stream:
        invoices = list(csv.DictReader(stream))
    lines, sums = [], dict.fromkeys((one["currency"] for one in invoices), Decimal(0))
    for one in invoices:
        sums[one["currency"]] += Decimal(one["amount"])
        start = one["billing_period"] + "-01T00:00:00Z"
        known = {
            "InvoiceIssuerName": one["issuer"], "InvoiceId": one["invoice_id"], "BillingCurrency": one["currency"],
            "BillingPeriodStart": start, "ReferenceInvoiceId": one["invoice_id"],
        }  # fmt: skip
        for number, cost in (("1", Decimal(one["amount"]) - 1), ("2", Decimal(1))):
            lines.append(sample | known | {"InvoiceDetailId": number, "BilledCost": str(cost)})
    write_csv(file, lines)
    return sums


@pytest.mark.slow
def test_invoice_detail_among_the_files_is_what_the_costs_are_compared_with(tmp_path: Path, command: Command) -> None:
    given, out = tmp_path / "given", tmp_path / "out"
    generate(Export(rows=400, seed=5), given)
    details = tmp_path / "details.csv"
    sums = invoice_details(given / "provider-invoices.csv", details)
    done = command(
        "run", "--focus", details, "--focus", given / "focus.csv.gz", "--focus", SAMPLES / "billing-period-1.4.csv",
        "--rules", given / "rules.yaml", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    periods = Result(given, out, 0, "", "").summary["periods"]
    assert {one["state"] for one in periods} == {"closed"}
    assert {one["currency"]: Decimal(one["provider_invoiced"]) for one in periods} == sums
