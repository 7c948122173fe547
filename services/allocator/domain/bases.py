"""What proportional shares are taken from: each cost center's direct cost, inside a partition, of some charges only.

Collected in one pass over the buckets, by the dimensions that any pool's base or partition needs, and then added up for
each question that a pool asks; the few combinations are asked again and again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.allocator.domain.buckets import GRAIN, Values, projection
from services.allocator.domain.cell import Partition
from services.allocator.domain.conditions import compile_condition, dimensions_of
from services.allocator.domain.pool import AsCharged, Base, FixedAmount, FloorPlusVariable, Method, Pool, Proportional
from services.allocator.domain.rule_set import CHARGE_MONTH, Basis, Condition, RuleSet
from shared.money import CONTEXT, ZERO

Cost = dict[str, Decimal]
"""Cost by cost center."""

_Kept = dict[tuple[str, Values], Decimal]
"""Cost by cost center and values of dimensions."""

_Question = tuple[Basis, Condition | None, tuple[str, ...]]
"""Basis, condition, and the dimensions to add up by."""

CURRENCY = GRAIN[0]


def bases_of(method: Method) -> Iterable[Base]:
    """Every base that a method looks at."""
    match method:
        case Proportional(base=base):
            yield base
        case FixedAmount(rest=rest):
            yield from bases_of(rest)
        case FloorPlusVariable(floor=floor, variable=variable):
            yield from bases_of(floor)
            yield from bases_of(variable)
        case AsCharged(otherwise=otherwise) if otherwise:
            yield from bases_of(otherwise)


def base_dimensions(pools: Iterable[Pool]) -> tuple[str, ...]:
    """The dimensions by which direct cost has to be kept for the pools' bases: none if no pool looks at direct cost."""
    used: set[str] = set()
    for pool in pools:
        bases = list(bases_of(pool.method))
        if bases:
            used |= {CURRENCY, *pool.partition_by} - {CHARGE_MONTH}
            used |= {name for base in bases for name in dimensions_of(base.where)}
    return tuple(sorted(used))


def received_dimensions(pools: Iterable[Pool]) -> tuple[str, ...]:
    """The dimensions by which received cost has to be kept for the pools' bases, the currency first."""
    used = {
        name
        for pool in pools
        for base in bases_of(pool.method)
        if base.received
        for name in (*pool.partition_by, *dimensions_of(base.where))
    }
    return (CURRENCY, *sorted(used - {CURRENCY, CHARGE_MONTH}))


class Bases:
    """Direct cost by cost center in each basis that a pool looks at, and what pools have given so far."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._basis, self.dimensions = rule_set.basis, base_dimensions(rule_set.pools)
        bases = [base for pool in rule_set.pools for base in bases_of(pool.method)]
        self._direct: dict[Basis, _Kept] = {base.basis or self._basis: {} for base in bases}
        self.received_wanted = any(base.received for base in bases)
        self._received_by = received_dimensions(rule_set.pools)
        self._received: _Kept = {}
        self._asked: dict[_Question, dict[Values, Cost]] = {}
        self._asked_of_received: dict[_Question, dict[Values, Cost]] = {}

    def add_direct(self, cost_center: str, values: Values, billed: Decimal, effective: Decimal) -> None:
        """Count what a rule gave to a cost center; `values` are those of `dimensions`."""
        key = (cost_center, values)
        for basis, direct in self._direct.items():
            direct[key] = CONTEXT.add(direct.get(key, ZERO), billed if basis == "BilledCost" else effective)

    def add_received(
        self, cost_center: str, currency: str, partition: Partition, billed: Decimal, effective: Decimal
    ) -> None:
        """Count what a pool gave to a cost center; `partition` has what later pools look at of the charges."""
        values: dict[str, str | None] = {CURRENCY: currency, **dict(partition)}
        key = (cost_center, tuple(values.get(name) for name in self._received_by))
        amount = billed if self._basis == "BilledCost" else effective
        self._received[key] = CONTEXT.add(self._received.get(key, ZERO), amount)
        self._asked_of_received.clear()

    def find(self, base: Base, currency: str, partition: Partition) -> Mapping[str, Decimal]:
        """The cost that a pool's shares are taken from, by cost center."""
        basis = base.basis or self._basis
        question = (basis, base.where, (CURRENCY, *(name for name, _ in partition)))
        where = (currency, *(value for _, value in partition))
        if question not in self._asked:
            self._asked[question] = _answer(self._direct[basis], self.dimensions, question)
        direct = self._asked[question].get(where, {})
        if not base.received:
            return direct
        if question not in self._asked_of_received:
            self._asked_of_received[question] = _answer(self._received, self._received_by, question)
        both = dict(direct)
        for cost_center, amount in self._asked_of_received[question].get(where, {}).items():
            both[cost_center] = CONTEXT.add(both.get(cost_center, ZERO), amount)
        return both


def _answer(kept: _Kept, dimensions: tuple[str, ...], question: _Question) -> dict[Values, Cost]:
    """Add up what meets the condition of a question, by the values that it asks for."""
    _, where, names = question
    position = {name: i for i, name in enumerate(dimensions)}
    passes = compile_condition(where, position) if where else None
    pick = projection(dimensions, names)
    found: dict[Values, Cost] = defaultdict(dict)
    for (cost_center, values), amount in kept.items():
        if passes is None or passes(values):
            costs = found[pick(values)]
            costs[cost_center] = CONTEXT.add(costs.get(cost_center, ZERO), amount)
    return found
