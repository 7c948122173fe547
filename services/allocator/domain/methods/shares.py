"""Share methods: weights that do not depend on how much the pool holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Part, even
from services.allocator.domain.lines import SUSPENSE_COST_CENTER
from services.allocator.domain.methods.measured import driver_parts
from services.allocator.domain.pool import AsCharged, ByDrivers, Even, FixedPercent, Proportional, Weighted
from services.allocator.domain.rule_set import SUSPENSE

ShareMethod = Even | Weighted | FixedPercent | Proportional | ByDrivers


def share_parts(method: ShareMethod, cell: Cell) -> list[Part]:
    """The weight of each target, zero included.

    Raises:
        CannotDivide: if a driver is missing and its policy is to fail.
    """
    match method:
        case Even(targets):
            return even(targets)
        case Weighted(weights):
            return [Part(target, Fraction(weight)) for target, weight in weights]
        case FixedPercent(percents, residual):
            parts = [Part(target, Fraction(percent)) for target, percent in percents]
            rest = 100 - sum((part.weight for part in parts), Fraction(0))
            return [*parts, Part(residual, rest, "residual")] if residual else parts
        case Proportional(targets, base):
            found = cell.base(base)
            return [Part(target, max(Fraction(found.get(target.id, 0)), Fraction(0))) for target in targets]
        case ByDrivers():
            return driver_parts(method, cell)


def charged_parts(method: AsCharged, charged: Mapping[str, Decimal]) -> Iterator[Part]:
    """The weight of each cost center that was charged, of suspense, and of those that are no target any more."""
    owners = {target.id: target for target in method.targets} | {SUSPENSE_COST_CENTER: SUSPENSE}
    for cost_center, amount in charged.items():
        weight = max(Fraction(amount), Fraction(0))
        if cost_center in owners:
            yield Part(owners[cost_center], weight)
        else:
            yield Part(SUSPENSE, weight, "unowned")
