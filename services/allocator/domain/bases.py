"""What proportional shares are taken from: each cost center's direct cost, inside a partition, of some charges only.

Collected in one pass over the buckets, by the dimensions that any pool's base or partition needs, and then added up for
each question that a pool asks; the few combinations are asked again and again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.allocator.domain.buckets import GRAIN, Buckets, Values, projection
from services.allocator.domain.cell import Partition
from services.allocator.domain.conditions import compile_condition, dimensions_of
from services.allocator.domain.pool import Base, FixedAmount, FloorPlusVariable, Method, Pool, Proportional
from services.allocator.domain.rule_set import Basis, Condition, RuleSet
from shared.money import CONTEXT, ZERO

Cost = dict[str, Decimal]
"""Cost by cost center."""

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


def base_dimensions(pools: Iterable[Pool]) -> tuple[str, ...]:
    """The dimensions by which direct cost has to be kept for the pools' bases: none if no pool looks at direct cost."""
    used: set[str] = set()
    for pool in pools:
        bases = list(bases_of(pool.method))
        if bases:
            used |= {CURRENCY, *pool.partition_by}
            used |= {name for base in bases for name in dimensions_of(base.where)}
    return tuple(sorted(used))


class Bases:
    """Direct cost by cost center in each basis that a pool looks at, and what pools have given so far."""

    def __init__(self, rule_set: RuleSet, buckets: Buckets) -> None:
        self._basis, self.dimensions = rule_set.basis, base_dimensions(rule_set.pools)
        projection(buckets.dimensions, self.dimensions)  # or one is missing
        bases = {base.basis or self._basis for pool in rule_set.pools for base in bases_of(pool.method)}
        self._direct: dict[Basis, dict[tuple[str, Values], Decimal]] = {basis: {} for basis in bases}
        self._received: dict[str, Cost] = defaultdict(dict)
        self._asked: dict[tuple[Basis, Condition | None, tuple[str, ...]], dict[Values, Cost]] = {}

    def add_direct(self, cost_center: str, values: Values, billed: Decimal, effective: Decimal) -> None:
        """Count what a rule gave to a cost center; `values` are those of `dimensions`."""
        key = (cost_center, values)
        for basis, direct in self._direct.items():
            direct[key] = CONTEXT.add(direct.get(key, ZERO), billed if basis == "BilledCost" else effective)

    def add_received(self, cost_center: str, currency: str, billed: Decimal, effective: Decimal) -> None:
        """Count what a pool gave to a cost center."""
        received, amount = self._received[currency], billed if self._basis == "BilledCost" else effective
        received[cost_center] = CONTEXT.add(received.get(cost_center, ZERO), amount)

    def find(self, base: Base, currency: str, partition: Partition) -> Mapping[str, Decimal]:
        """The cost that a pool's shares are taken from, by cost center."""
        names = (CURRENCY, *(name for name, _ in partition))
        question = (base.basis or self._basis, base.where, names)
        if question not in self._asked:
            self._asked[question] = self._answer(*question)
        direct = self._asked[question].get((currency, *(value for _, value in partition)), {})
        if not base.received:
            return direct
        both = dict(direct)
        for cost_center, amount in self._received[currency].items():
            both[cost_center] = CONTEXT.add(both.get(cost_center, ZERO), amount)
        return both

    def _answer(self, basis: Basis, where: Condition | None, names: tuple[str, ...]) -> dict[Values, Cost]:
        position = {name: i for i, name in enumerate(self.dimensions)}
        passes = compile_condition(where, position) if where else None
        pick = projection(self.dimensions, names)
        found: dict[Values, Cost] = defaultdict(dict)
        for (cost_center, values), amount in self._direct[basis].items():
            if passes is None or passes(values):
                costs = found[pick(values)]
                costs[cost_center] = CONTEXT.add(costs.get(cost_center, ZERO), amount)
        return found
