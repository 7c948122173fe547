"""The rules, in the order in which a report shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from services.intake.quality.rows import AcceptedRows
from services.intake.quality.sums.base import KnownInvoice, SumDifference, SumRule, outcome
from services.intake.quality.sums.commitments import commitment_sums
from services.intake.quality.sums.splits import split_ratios
from shared.money import CONTEXT, ZERO, add, tolerance

_INVOICES: Final = """
SELECT issuer, invoice, currency, sum(rows)::BIGINT, sum(billed) FROM sums
WHERE invoice IS NOT NULL GROUP BY ALL ORDER BY ALL
"""
_SERVICES: Final = """
SELECT provider, service, list(DISTINCT service_category ORDER BY service_category), sum(rows)::BIGINT FROM sums
WHERE service_category IS NOT NULL GROUP BY ALL ORDER BY ALL
"""


def check_sums(rows: AcceptedRows, invoices: Sequence[KnownInvoice]) -> list[SumRule]:
    """Check all rules on a connection where `add_up` has been."""
    return [_invoice_sums(rows, invoices), commitment_sums(rows), split_ratios(rows), _service_categories(rows)]


def _invoice_sums(rows: AcceptedRows, invoices: Sequence[KnownInvoice]) -> SumRule:
    periods = {period for (period,) in rows.execute("SELECT DISTINCT billing_period FROM sums").fetchall()}
    payable: dict[tuple[str, str, str], Decimal] = {}
    still_open = set()
    for one in invoices:
        if one.status != "Voided" and one.billing_period in periods:
            key = (one.issuer, one.invoice_id, one.currency)
            payable[key] = add(payable.get(key, ZERO), one.amount)
            if one.status == "Open":
                still_open.add(key)
    found, notes, checked = [], [], 0
    for issuer, invoice, currency, count, billed in rows.execute(_INVOICES).fetchall():
        key = (issuer, invoice, currency)
        if key not in payable:
            continue
        checked += 1
        for difference in _differs(key, payable[key], billed, count):
            if key in still_open:
                notes.append(f"{difference.subject}: still open, {difference.difference} {currency} off")
            else:
                found.append(difference)
    return outcome("invoice-sum", checked, found, notes)


def _differs(key: tuple[str, str, str], expected: Decimal, actual: Decimal, rows: int) -> Iterator[SumDifference]:
    issuer, invoice, currency = key
    difference, allowed = CONTEXT.subtract(actual, expected), tolerance(rows, currency)
    if difference.copy_abs() > allowed:
        yield SumDifference(
            subject=f"invoice {issuer}/{invoice}", rows=rows, currency=currency, expected=expected, actual=actual,
            difference=difference, tolerance=allowed,
        )  # fmt: skip


def _service_categories(rows: AcceptedRows) -> SumRule:
    services = rows.execute(_SERVICES).fetchall()
    found = [
        SumDifference(
            subject=f"service {provider}/{service}", rows=count, note="has categories " + ", ".join(categories)
        )
        for provider, service, categories, count in services
        if len(categories) > 1
    ]
    return outcome("service-category", len(services), found)
