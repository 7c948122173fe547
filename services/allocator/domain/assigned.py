"""A billing period's cost by what the rules decide about it: all that an allocation needs to know of the buckets.

They are counted as they come and not kept: a month may have a million, and far fewer combinations of what matters once
a rule has taken them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from services.allocator.domain.assign import Decision, sorter
from services.allocator.domain.bases import base_dimensions
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets, Values, projection
from services.allocator.domain.cell import Partition
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.pools import partitions_ahead, stages
from services.allocator.domain.rule_set import CHARGE_MONTH, Divided, RuleSet
from shared.money import CONTEXT, ZERO, add

Amounts = tuple[Decimal, Decimal]
"""Billed and effective cost."""

_ONE = Decimal(1)


class Assigned:
    """Takes buckets in any order and number of pieces.

    Args:
        dimensions: what the positions of every bucket's values are.

    Raises:
        DimensionMissing: if the rules or the line grain need a dimension that the buckets do not have.
    """

    def __init__(
        self, billing_period: str, dimensions: Sequence[str], rule_set: RuleSet, cost_centers: Collection[str]
    ) -> None:
        self.billing_period, self.rule_set = billing_period, rule_set
        self.ways: dict[Decision, Way] = {}
        self._dimensions, self._looked_at = dimensions, base_dimensions(rule_set.pools)
        self._ahead = partitions_ahead(stages(rule_set.pools, rule_set.reciprocal))
        projection(dimensions, (*GRAIN, *self._looked_at))  # or one is missing
        self._way_of = sorter(rule_set, cost_centers, dimensions, self._way)
        self._kept = (*GRAIN[:3], *filter(_is_asked_for, dimensions_used(rule_set)))
        self._costs: dict[Values, tuple[Decimal, Decimal, int]] = {}
        self._one: dict[str | None, str | None] = {}

    def take(self, rows: Iterable[Bucket]) -> None:
        """Count some buckets. Equal values are one object in memory: the few of a dimension come again and again."""
        way_of, pick, costs, plus, same = (
            self._way_of, projection(self._dimensions, self._kept), self._costs, CONTEXT.add, self._one.setdefault
        )  # fmt: skip
        for values, billed, effective, events in rows:
            way = way_of(values)
            key = way.pick(values)
            so_far = way.sums.get(key)
            if so_far is None:
                way.sums[tuple(map(same, key, key))] = billed, effective
            else:
                way.sums[key] = plus(so_far[0], billed), plus(so_far[1], effective)
            key = pick(values)
            before = costs.get(key)
            if before is None:
                costs[tuple(map(same, key, key))] = billed, effective, events
            else:
                costs[key] = plus(before[0], billed), plus(before[1], effective), before[2] + events

    @property
    def costs(self) -> Buckets:
        """All of it, by invoice and by what is asked of a month besides: charge months and tags that rules look at."""
        rows = [Bucket(values, *sums) for values, sums in self._costs.items()]
        return Buckets(self.billing_period, self._kept, rows)

    def _way(self, decision: Decision) -> Way:
        if decision not in self.ways:
            self.ways[decision] = Way(decision, self._dimensions, self._ahead, self._looked_at)
        return self.ways[decision]


class Way:
    """The buckets of one decision, added up by what matters from here on.

    That is the line grain, the partitions ahead, and, if cost centers get something directly, what the pools' bases
    look at. A month has far fewer such combinations than buckets.
    """

    def __init__(
        self, decision: Decision, dimensions: Sequence[str], ahead: Mapping[str, Collection[str]],
        looked_at: Sequence[str],
    ) -> None:  # fmt: skip
        target = decision.target
        pools = target.targets if isinstance(target, Divided) else [(target, None)]
        self._partitions = tuple(sorted({name for one, _ in pools if one.kind == "pool" for name in ahead[one.id]}))
        kept = (*GRAIN, *self._partitions)
        looked_at = looked_at if any(direct(decision)) else ()
        names = (*kept, *(name for name in looked_at if name not in kept))
        self.pick = projection(dimensions, names)
        self.of_bases = projection(names, looked_at)
        self._kept = len(kept)
        self._all = len(names)
        self.sums: dict[Values, Amounts] = {}

    def by_line_grain(self) -> Mapping[Values, Amounts]:
        """The sums without what only the bases look at."""
        if self._all == self._kept:
            return self.sums
        found: dict[Values, Amounts] = {}
        for values, (billed, effective) in self.sums.items():
            so_far = found.get(values[: self._kept], (ZERO, ZERO))
            found[values[: self._kept]] = add(so_far[0], billed), add(so_far[1], effective)
        return found

    def partition(self, values: Values) -> Partition:
        """The values of the partitions, by name."""
        return tuple(zip(self._partitions, values[len(GRAIN) :], strict=True))


def direct(decision: Decision) -> Iterator[tuple[str, Decimal]]:
    """The cost centers that a decision names, and the part of the cost that each gets."""
    target = decision.target
    if isinstance(target, Divided):
        for one, percent in target.targets:
            if one.kind == "cost_center":
                yield one.id, percent.scaleb(-2, CONTEXT)
    elif target.kind == "cost_center":
        yield target.id, _ONE


def _is_asked_for(dimension: str) -> bool:
    return dimension == CHARGE_MONTH or dimension.startswith("tag:")
