"""What a rule over sums finds, and the table of sums that most of them look at."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from services.intake.quality.rows import AcceptedRows
from shared.events.base import Amount, Contract

DIFFERENCES_MAX: Final = 20
"""Differences of a rule that a report lists; all are counted."""

_SUMS: Final = """
CREATE TEMP TABLE sums AS
SELECT billing_period, BillingCurrency AS currency, InvoiceIssuerName AS issuer, InvoiceId AS invoice,
    CommitmentDiscountId AS commitment, CommitmentDiscountStatus AS status, ChargeCategory AS category,
    ChargeFrequency AS frequency,
    ServiceProviderName AS provider, ServiceName AS service, ServiceCategory AS service_category, flags,
    count(*) AS rows, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective,
    sum(abs(BilledCost)) AS absolute_billed, sum(abs(EffectiveCost)) AS absolute_effective,
    min(ChargePeriodStart) AS first_start, max(ChargePeriodEnd) AS last_end, count(AllocatedMethodDetails) AS parts
FROM accepted GROUP BY ALL
"""


class SumDifference(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """A sum that is not what it must be; amounts are exact. `tolerance` is what was allowed."""

    subject: str
    rows: int
    currency: str | None = None
    expected: Amount | None = None
    actual: Amount | None = None
    difference: Amount | None = None
    tolerance: Amount = Decimal(0)
    note: str = ""


class SumRule(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """One rule over a delivery: how many sums were checked, how many don't hold, and the first of these."""

    code: str
    verdict: Literal["holds", "broken", "nothing to check"]
    checked: int
    broken: int
    rows: int
    differences: list[SumDifference]
    notes: list[str]


class KnownInvoice(NamedTuple):
    """A provider invoice that intake knows."""

    issuer: str
    invoice_id: str
    billing_period: str
    currency: str
    amount: Decimal
    status: str


def add_up(rows: AcceptedRows) -> None:
    """Make the table `sums`: one pass over the rows."""
    rows.scan(_SUMS)


def outcome(code: str, checked: int, differences: Iterable[SumDifference], notes: Iterable[str] = ()) -> SumRule:
    """A rule's outcome from everything that it found."""
    found = list(differences)
    return SumRule(
        code=code,
        verdict="broken" if found else "holds" if checked else "nothing to check",
        checked=checked,
        broken=len(found),
        rows=sum(one.rows for one in found),
        differences=found[:DIFFERENCES_MAX],
        notes=list(notes)[:DIFFERENCES_MAX],
    )
