"""An internal invoice: what one cost center owes for one billing period in one currency, line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.chargeback.domain.charges import Basis, Charge, reading_order
from services.chargeback.domain.rounding import round_lines
from services.chargeback.domain.wording import describe
from shared.money import CONTEXT, total

_ID_DIGITS = 24


class DuplicateCharge(ValueError):
    """The same allocation would be charged twice on one invoice."""

    def __init__(self, cost_center: str, allocation_id: str) -> None:
        self.cost_center, self.allocation_id = cost_center, allocation_id
        super().__init__(f"allocation {allocation_id} occurs twice on the invoice of cost center {cost_center}")


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line: the amount charged in minor units beside the exact cost that it was rounded from."""

    line: int
    charge: Charge
    amount: Decimal
    exact_amount: Decimal
    description: str


@dataclass(frozen=True, slots=True)
class Document:
    """The money of an invoice. total = direct + shared = sum of the lines; rounding = total - exact_total."""

    document_id: str
    cost_center: str
    currency: str
    lines: tuple[DocumentLine, ...]
    direct: Decimal
    shared: Decimal
    total: Decimal
    exact_total: Decimal

    @property
    def rounding(self) -> Decimal:
        """What rounding to minor units added to (or took from) the exact cost."""
        return CONTEXT.subtract(self.total, self.exact_total)


def document_id(billing_period: str, cost_center: str, currency: str) -> str:
    """Identify the invoice of a period, cost center and currency: derived from them, so a second draft is the same."""
    content = f"invoice\x00{billing_period}\x00{cost_center}\x00{currency}"
    return hashlib.sha256(content.encode()).hexdigest()[:_ID_DIGITS]


def draw_up(
    billing_period: str, cost_center: str, currency: str, basis: Basis, charges: Sequence[Charge], invoiced: Decimal
) -> Document:
    """Draw up one invoice over its charges, in whatever order they come.

    Args:
        invoiced: the document's total as `round_documents` decided it.

    Raises:
        DuplicateCharge: if an allocation occurs twice.
        WholeOutOfReach: if `invoiced` is not the charges' exact total, rounded.
    """
    ordered = sorted(charges, key=reading_order)
    exact = [charge.cost(basis) for charge in ordered]
    keys = _unique_keys(cost_center, ordered)
    amounts = round_lines(invoiced, exact, keys, currency)
    lines = tuple(
        DocumentLine(number, charge, amount, cost, describe(charge))
        for number, (charge, amount, cost) in enumerate(zip(ordered, amounts, exact, strict=True), start=1)
    )
    return Document(
        document_id=document_id(billing_period, cost_center, currency),
        cost_center=cost_center,
        currency=currency,
        lines=lines,
        direct=total(line.amount for line in lines if line.charge.kind == "direct"),
        shared=total(line.amount for line in lines if line.charge.kind == "shared"),
        total=invoiced,
        exact_total=total(exact),
    )


def _unique_keys(cost_center: str, ordered: Sequence[Charge]) -> list[str]:
    keys = [charge.allocation_id for charge in ordered]
    if len(set(keys)) != len(keys):
        raise DuplicateCharge(cost_center, next(key for key in keys if keys.count(key) > 1))
    return keys
