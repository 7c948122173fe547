"""What another rule set, other drivers or owners would change: two allocations of the same costs, side by side."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from services.allocator.domain.lines import SUSPENSE_COST_CENTER, Line
from services.allocator.domain.rule_set import Basis
from shared.money import CONTEXT, ZERO

K = TypeVar("K", bound=Hashable)

_MOVERS = 10


@dataclass(frozen=True, slots=True)
class Amounts:
    """What somebody has, before or after: direct and shared cost in the rule set's basis."""

    direct: Decimal = ZERO
    shared: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Both together."""
        return CONTEXT.add(self.direct, self.shared)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one cost center, pool or rule in one currency."""

    name: str
    currency: str
    before: Amounts
    after: Amounts

    @property
    def change(self) -> Decimal:
        """After minus before."""
        return CONTEXT.subtract(self.after.total, self.before.total)


@dataclass(frozen=True, slots=True)
class Total:
    """A whole currency: `total` is the same before and after; `moved` is what changes hands."""

    currency: str
    total: Decimal
    moved: Decimal
    suspense_before: Decimal
    suspense_after: Decimal


@dataclass(frozen=True, slots=True)
class Simulation:
    """The comparison; every list is sorted by currency and name."""

    basis: Basis
    totals: tuple[Total, ...]
    cost_centers: tuple[Change, ...]
    pools: tuple[Change, ...]
    rules: tuple[Change, ...]
    lines_before: int
    lines_after: int
    lines_changed: int

    def movers(self, most: int = _MOVERS) -> list[Change]:
        """The cost centers that change most, the largest change first."""
        changed = [one for one in self.cost_centers if one.change]
        return sorted(changed, key=lambda one: (one.change.copy_abs().copy_negate(), one.currency, one.name))[:most]


def compare(before: Sequence[Line], after: Sequence[Line], basis: Basis) -> Simulation:
    """Compare two allocations of one billing period's costs, in the basis of the one that is new."""
    cost_centers = _changes(before, after, basis, lambda line: [line.cost_center])
    return Simulation(
        basis,
        _totals(cost_centers),
        cost_centers,
        _changes(before, after, basis, lambda line: line.flow.path),
        _changes(before, after, basis, lambda line: [line.flow.rule_id]),
        len(before),
        len(after),
        _lines_changed(before, after),
    )


def _changes(
    before: Iterable[Line], after: Iterable[Line], basis: Basis, names: Callable[[Line], Iterable[str]]
) -> tuple[Change, ...]:
    was, becomes = _sums(before, basis, names), _sums(after, basis, names)
    return tuple(
        Change(name, currency, was.get((currency, name), Amounts()), becomes.get((currency, name), Amounts()))
        for currency, name in sorted(was.keys() | becomes.keys())
    )


def _sums(
    lines: Iterable[Line], basis: Basis, names: Callable[[Line], Iterable[str]]
) -> dict[tuple[str, str], Amounts]:
    """Direct and shared cost by currency and name."""
    found: dict[tuple[str, str], list[Decimal]] = {}
    billed, add = basis == "BilledCost", CONTEXT.add
    for line in lines:
        flow = line.flow
        amount, shared = line.billed_cost if billed else line.effective_cost, bool(flow.path)
        for name in names(line):
            sums = found.get((flow.currency, name))
            if sums is None:
                sums = found[flow.currency, name] = [ZERO, ZERO]
            sums[shared] = add(sums[shared], amount)
    return {key: Amounts(*sums) for key, sums in found.items()}


def _totals(cost_centers: Iterable[Change]) -> tuple[Total, ...]:
    by_currency: dict[str, list[Change]] = {}
    for one in cost_centers:
        by_currency.setdefault(one.currency, []).append(one)
    return tuple(_total(currency, changes) for currency, changes in sorted(by_currency.items()))


def _total(currency: str, changes: Sequence[Change]) -> Total:
    whole = moved = suspense_before = suspense_after = ZERO
    for one in changes:
        whole = CONTEXT.add(whole, one.after.total)
        moved = CONTEXT.add(moved, max(one.change, ZERO))
        if one.name == SUSPENSE_COST_CENTER:
            suspense_before, suspense_after = one.before.total, one.after.total
    return Total(currency, whole, moved, suspense_before, suspense_after)


def _lines_changed(before: Iterable[Line], after: Iterable[Line]) -> int:
    """How many lines would get a new revision: new, changed and withdrawn ones."""
    known = {line.allocation_id: line for line in before}
    changed = sum(known.pop(line.allocation_id, None) != line for line in after)
    return changed + len(known)
