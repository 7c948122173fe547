"""The known sums equal what an outside program finds in the files."""

from decimal import Decimal
from typing import Any

from shared.money import text
from tests.unit.synthetic.conftest import Generated

SUMS = "count(*), sum(BilledCost::DECIMAL(38,18)), sum(EffectiveCost::DECIMAL(38,18))"

Sums = dict[tuple[str, ...], tuple[int, str, str]]


def found(rows: list[tuple[Any, ...]]) -> Sums:
    """Key columns -> rows, BilledCost and EffectiveCost as text."""
    return {tuple(row[:-3]): (row[-3], text(row[-2]), text(row[-1])) for row in rows}


def known(entries: list[dict[str, Any]], *keys: str) -> Sums:
    return {
        tuple(entry[key] for key in keys): (entry["rows"], entry["billed_cost"], entry["effective_cost"])
        for entry in entries
    }


def test_periods_agree(export: Generated) -> None:
    rows = export.query(f"SELECT BillingPeriodStart[:7], BillingCurrency, {SUMS} FROM focus GROUP BY ALL")
    assert found(rows) == known(export.known()["periods"], "billing_period", "currency")


def test_invoices_agree(export: Generated) -> None:
    rows = export.query(f"SELECT InvoiceIssuerName, InvoiceId, {SUMS} FROM focus GROUP BY ALL")
    assert found(rows) == known(export.known()["invoices"], "issuer", "invoice_id")


def test_charge_categories_are_all_there_and_counted(export: Generated) -> None:
    categories = dict(export.query("SELECT ChargeCategory, count(*) FROM focus GROUP BY ALL"))
    assert categories == export.known()["charge_categories"]
    assert categories.keys() == {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}


def test_provider_invoices_are_the_costs_rounded_to_cents(export: Generated) -> None:
    rows = export.query(
        "SELECT issuer, invoice_id, invoices.amount, sum(BilledCost::DECIMAL(38,18)) FROM focus"
        " JOIN invoices ON InvoiceIssuerName = issuer AND InvoiceId = invoice_id"
        " AND BillingCurrency = currency AND BillingPeriodStart[:7] = billing_period GROUP BY ALL"
    )
    assert len(rows) == len(export.known()["invoices"]) == 8
    for _issuer, _invoice, payable, billed in rows:
        assert Decimal(payable).as_tuple().exponent == -2
        assert abs(Decimal(payable) - billed) <= Decimal("0.005")
    assert any(Decimal(payable) != billed for *_, payable, billed in rows)


def test_the_restated_snapshot_differs_exactly_as_said(export: Generated) -> None:
    restated = export.known("totals-restated.json")
    rows = export.query(f"SELECT BillingPeriodStart[:7], BillingCurrency, {SUMS} FROM restated GROUP BY ALL")
    assert found(rows) == known(restated["periods"], "billing_period", "currency")
    gone, new = (
        export.query(f"SELECT BillingCurrency, {SUMS} FROM (FROM {a} EXCEPT ALL FROM {b}) GROUP BY ALL ORDER BY ALL")
        for a, b in (("focus", "restated"), ("restated", "focus"))
    )
    difference = restated["difference"]
    assert sum(count for _, count, *_ in gone) == difference["retractions"]
    assert sum(count for _, count, *_ in new) == difference["charges"]
    amounts = {
        (currency,): (plus - minus, text(billed - billed_gone), text(effective - effective_gone))
        for (currency, plus, billed, effective), (_, minus, billed_gone, effective_gone) in zip(new, gone, strict=True)
    }
    assert amounts == known(difference["periods"], "currency")
    assert all(difference[kind] > 0 for kind in ("changed", "vanished", "added"))


def test_one_percent_more_or_less_of_the_rows_is_restated(export: Generated) -> None:
    difference = export.known("totals-restated.json")["difference"]
    hits = difference["changed"] + difference["vanished"] + difference["added"]
    assert 0.015 < hits / export.wanted.rows < 0.025
