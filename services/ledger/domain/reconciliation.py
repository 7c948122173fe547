"""The five-stage reconciliation: provider invoice = cost events = allocated + suspense = invoiced - rounding (= ERP).

Stages: A provider invoices, B cost events, C allocations, D internal invoices. E, what the ERP acknowledged, is not
read yet. A stage nobody has delivered yet is a note, not a break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.ledger.domain.amounts import magnitude, subtract
from services.ledger.domain.breaks import Break, amounts_differ, invoice_breaks
from services.ledger.domain.facts import Month
from services.ledger.domain.matching import match
from shared.money import ZERO, add, minor_unit, round_half_even, text, total


@dataclass(frozen=True, slots=True)
class StageFigures:
    """The figures of the stages in one currency; allocated and suspense are in the basis that is charged."""

    currency: str
    rows: int
    billed_cost: Decimal
    effective_cost: Decimal
    provider_invoiced: Decimal | None
    allocated: Decimal
    suspense: Decimal
    invoiced: Decimal
    rounding: Decimal
    documents: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison of all stages of a period."""

    stages: list[StageFigures]
    breaks: list[Break]
    notes: list[str]


def reconcile(month: Month) -> Reconciliation:
    """Compare every stage with the one before it."""
    matches = match(month.costs, month.provider_invoices)
    breaks = [found for one in matches for found in invoice_breaks(one)]
    notes = []
    if not matches:
        notes.append("not reconciled to a provider invoice: none is known for this period")
    if month.allocations is None:
        notes.append("no allocation run covers these deliveries yet: allocations are not compared")
    else:
        breaks += _allocation_breaks(month)
    if month.documents is None:
        notes.append("no internal invoices are issued yet: invoices are not compared")
    else:
        breaks += [*_invoice_breaks(month), *_rounding_breaks(month)]
    return Reconciliation([_figures(month, currency) for currency in month.currencies()], breaks, notes)


def _figures(month: Month, currency: str) -> StageFigures:
    costs = [one for one in month.costs if one.currency == currency]
    payable = [one for one in month.provider_invoices if one.currency == currency and one.status != "Voided"]
    allocations = [one for one in month.allocations or () if one.currency == currency]
    documents = [one for one in month.documents or () if one.currency == currency]
    return StageFigures(
        currency=currency,
        rows=sum(one.rows for one in costs),
        billed_cost=total(one.billed for one in costs),
        effective_cost=total(one.effective for one in costs),
        provider_invoiced=total(one.amount for one in payable) if payable else None,
        allocated=total(one.amount(month.basis) for one in allocations if one.kind != "suspense"),
        suspense=total(one.amount(month.basis) for one in allocations if one.kind == "suspense"),
        invoiced=total(one.total for one in documents),
        rounding=total(one.rounding for one in documents),
        documents=len(documents),
    )


def _allocation_breaks(month: Month) -> Iterator[Break]:
    """B = C at full precision per issuer and provider invoice, in both bases."""

    def key(one: Any) -> tuple[str, str]:
        return one.currency, one.issuer if one.invoice_id is None else f"{one.issuer}/{one.invoice_id}"

    for basis, amount in (("BilledCost", _billed), ("EffectiveCost", _effective)):
        costs = _sums(month.costs, key, amount)
        allocated = _sums(month.allocations or (), key, amount)
        for currency, origin, expected, actual in _differences(costs, allocated):
            yield amounts_differ(
                "allocation-difference", "allocations", f"{origin} {basis}", currency, expected, actual, "allocator",
                "allocated + suspense must be the cost events' sum; run the allocation again, then close again",
            )  # fmt: skip


def _invoice_breaks(month: Month) -> Iterator[Break]:
    """C = D before rounding, per cost center."""

    def key(one: Any) -> tuple[str, str]:
        return one.currency, one.cost_center

    charged = [one for one in month.allocations or () if one.kind != "suspense"]
    allocated = _sums(charged, key, lambda one: one.amount(month.basis))
    invoiced = _sums(month.documents or (), key, lambda one: one.exact_total)
    for currency, cost_center, expected, actual in _differences(allocated, invoiced):
        yield amounts_differ(
            "invoice-difference", "invoices", cost_center, currency, expected, actual, "chargeback",
            "its invoices must have the exact total that was allocated to it; draft again, then close again",
        )  # fmt: skip


def _rounding_breaks(month: Month) -> Iterator[Break]:
    """Each document: total - exact = rounding, below one minor unit, and the total in whole minor units."""
    for one in month.documents or ():
        rounded = round_half_even(one.total, minor_unit(one.currency))
        unit = Decimal(1).scaleb(-minor_unit(one.currency))
        difference = subtract(one.total, one.exact_total)
        if difference != one.rounding or magnitude(difference) >= unit or one.total != rounded:
            yield amounts_differ(
                "rounding", "invoices", one.number, one.currency, one.exact_total, one.total, "chargeback",
                f"total - exact total must be the document's rounding ({text(one.rounding)}), less than {text(unit)}",
            )  # fmt: skip


def _billed(one: Any) -> Decimal:
    return one.billed  # type: ignore[no-any-return]


def _effective(one: Any) -> Decimal:
    return one.effective  # type: ignore[no-any-return]


Sums = dict[tuple[str, str], Decimal]


def _sums(facts: Iterable[Any], key: Callable[[Any], tuple[str, str]], amount: Callable[[Any], Decimal]) -> Sums:
    sums: Sums = {}
    for one in facts:
        sums[key(one)] = add(sums.get(key(one), ZERO), amount(one))
    return sums


def _differences(expected: Sums, actual: Sums) -> Iterator[tuple[str, str, Decimal, Decimal]]:
    for place in sorted(expected.keys() | actual.keys()):
        left, right = expected.get(place, ZERO), actual.get(place, ZERO)
        if left != right:
            yield *place, left, right
