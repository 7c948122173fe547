"""The journal of a billing period: a pure function from its documents to its entries, in one fixed order.

| document | debit | credit |
|---|---|---|
| delivery | Clearing (EffectiveCost), PrepaidCommitments (the rest, either side) | Accrued (BilledCost) |
| provider invoice | Accrued | Payable |
| tolerated difference of the two | Accrued | Variance (either side) |
| basis is BilledCost | Clearing | PrepaidCommitments |
| allocation run | Unbilled per cost center, Suspense | Clearing |
| internal invoice | Receivable (minor units) | Unbilled (exact), Rounding (either side) |

Each is one entry per currency. Negative cost (credits, retractions) turns the sides around by its sign.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.ledger.domain.accounts import Chart
from services.ledger.domain.amounts import negated, subtract
from services.ledger.domain.entries import Entry, Posting, merged
from services.ledger.domain.facts import CostTotal, Month
from services.ledger.domain.matching import Match, match


def journal(month: Month) -> list[Entry]:
    """Every entry of the period that its documents call for."""
    matches = match(month.costs, month.provider_invoices)
    return [
        *_deliveries(month),
        *_provider_invoices(month, matches),
        *_variances(month, matches),
        *_basis(month),
        *_allocations(month),
        *_documents(month),
    ]


def _deliveries(month: Month) -> Iterator[Entry]:
    for delivery in sorted(month.deliveries, key=lambda one: (one.source, one.ordinal, one.delivery_id)):
        own = [cost for cost in month.costs if cost.delivery_id == delivery.delivery_id]
        for currency in sorted({cost.currency for cost in own}):
            legs = [leg for cost in own if cost.currency == currency for leg in _accrual(cost)]
            yield Entry(
                source=f"delivery/{delivery.delivery_id}/{month.billing_period}/{currency}",
                billing_period=month.billing_period,
                currency=currency,
                description=f"Cloud cost, delivery {delivery.ordinal} of {delivery.source}",
                reference=delivery.delivery_id,
                postings=merged(legs),
            )


def _accrual(cost: CostTotal) -> Iterator[Posting]:
    yield Posting(Chart.CLEARING, cost.issuer, cost.effective)
    yield Posting(Chart.ACCRUED, cost.issuer, negated(cost.billed))
    prepaid = subtract(cost.billed, cost.effective)
    if prepaid:
        yield Posting(Chart.PREPAID, cost.issuer, prepaid)


def _provider_invoices(month: Month, matches: list[Match]) -> Iterator[Entry]:
    for invoice in (invoice for found in matches for invoice in found.invoices):
        yield Entry(
            source=f"provider-invoice/{invoice.issuer}/{invoice.invoice_id}/{month.billing_period}/{invoice.currency}",
            billing_period=month.billing_period,
            currency=invoice.currency,
            description=f"Provider invoice {invoice.invoice_id} of {invoice.issuer}",
            reference=invoice.invoice_id,
            postings=(
                Posting(Chart.ACCRUED, invoice.issuer, invoice.amount),
                Posting(Chart.PAYABLE, invoice.issuer, negated(invoice.amount)),
            ),
        )


def _variances(month: Month, matches: list[Match]) -> Iterator[Entry]:
    for found in matches:
        if found.agrees and found.difference:
            yield Entry(
                source=f"variance/{found.key}/{month.billing_period}/{found.currency}",
                billing_period=month.billing_period,
                currency=found.currency,
                description=f"Cost above (below) provider invoice, {found.key}",
                reference=found.invoice_id or found.issuer,
                postings=(
                    Posting(Chart.ACCRUED, found.issuer, found.difference),
                    Posting(Chart.VARIANCE, found.issuer, negated(found.difference)),
                ),
            )


def _basis(month: Month) -> Iterator[Entry]:
    if month.basis != "BilledCost":
        return
    for currency in sorted({cost.currency for cost in month.costs}):
        legs = [leg for cost in month.costs if cost.currency == currency for leg in _prepaid_back(cost)]
        if legs:
            yield Entry(
                source=f"basis/{month.billing_period}/{currency}",
                billing_period=month.billing_period,
                currency=currency,
                description="Charged on BilledCost: prepaid commitments back to clearing",
                reference=f"basis {month.billing_period}",
                postings=merged(legs),
                rule_version=month.rule_version,
            )


def _prepaid_back(cost: CostTotal) -> Iterator[Posting]:
    prepaid = subtract(cost.billed, cost.effective)
    if prepaid:
        yield Posting(Chart.CLEARING, cost.issuer, prepaid)
        yield Posting(Chart.PREPAID, cost.issuer, negated(prepaid))


def _allocations(month: Month) -> Iterator[Entry]:
    for currency in sorted({one.currency for one in month.allocations or ()}):
        legs = []
        for one in month.allocations or ():
            if one.currency == currency:
                amount = one.amount(month.basis)
                suspense = one.kind == "suspense"
                legs.append(
                    Posting(Chart.SUSPENSE, None, amount)
                    if suspense
                    else Posting(Chart.UNBILLED, one.cost_center, amount)
                )
                legs.append(Posting(Chart.CLEARING, one.issuer, negated(amount)))
        yield Entry(
            source=f"allocation/{month.billing_period}/{currency}",
            billing_period=month.billing_period,
            currency=currency,
            description="Cost allocated to cost centers and suspense",
            reference=f"allocation {month.billing_period}",
            postings=merged(legs),
            rule_version=month.rule_version,
        )


def _documents(month: Month) -> Iterator[Entry]:
    for document in sorted(month.documents or (), key=lambda one: one.number):
        legs = [
            Posting(Chart.RECEIVABLE, document.cost_center, document.total),
            Posting(Chart.UNBILLED, document.cost_center, negated(document.exact_total)),
        ]
        if document.rounding:
            legs.append(Posting(Chart.ROUNDING, None, negated(document.rounding)))
        yield Entry(
            source=f"invoice/{document.number}",
            billing_period=month.billing_period,
            currency=document.currency,
            description=f"Internal invoice {document.number} to {document.cost_center}",
            reference=document.number,
            postings=tuple(legs),
            rule_version=month.rule_version,
        )
