"""A billing period's cost by what the rules decide about it: all that an allocation needs to know of the buckets.

They are counted as they come and not kept: a month may have a million, and far fewer combinations of what matters once
a rule has taken them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from services.allocator.domain.assign import Decision, decider
from services.allocator.domain.bases import base_dimensions
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets, Values, projection
from services.allocator.domain.cell import Partition
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.pools import partitions_ahead, stages
from services.allocator.domain.rule_set import CHARGE_MONTH, Divided, RuleSet
from shared.money import CONTEXT, ZERO, add

Amounts = list[Decimal]
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
        used = dimensions_used(rule_set)
        projection(dimensions, (*GRAIN, *used))  # or one is missing
        self._names = tuple(dict.fromkeys((*rule_dimensions(rule_set), *GRAIN[:3], *filter(_is_asked_for, used))))
        self._decide = decider(rule_set, cost_centers, self._names)
        self._cells: dict[Values, _Cell] = {}
        self._one: dict[str | None, str | None] = {}

    def take(self, rows: Iterable[Bucket]) -> None:
        """Count some buckets."""
        pick, cells, plus = projection(self._dimensions, self._names), self._cells, CONTEXT.add
        for values, billed, effective, events in rows:
            picked = pick(values)
            cell = cells.get(picked) or self._cell(picked)
            cell.billed_cost = plus(cell.billed_cost, billed)
            cell.effective_cost = plus(cell.effective_cost, effective)
            cell.events += events
            way = cell.way
            key = way.pick(values)
            sums = way.sums.get(key)
            if sums is None:
                way.sums[self._kept(key)] = [billed, effective]
            else:
                sums[0] = plus(sums[0], billed)
                sums[1] = plus(sums[1], effective)

    @property
    def costs(self) -> Buckets:
        """All of it by what the rules look at, and by what is asked of a month: invoices, charge months, tags."""
        rows = [Bucket(key, one.billed_cost, one.effective_cost, one.events) for key, one in self._cells.items()]
        return Buckets(self.billing_period, self._names, rows)

    def _cell(self, picked: Values) -> _Cell:
        decision = self._decide(picked)
        if decision not in self.ways:
            self.ways[decision] = Way(decision, self._dimensions, self._ahead, self._looked_at)
        cell = self._cells[self._kept(picked)] = _Cell(self.ways[decision])
        return cell

    def _kept(self, values: Values) -> Values:
        """Equal values are one object in memory: the few of a dimension come again and again."""
        return tuple(map(self._one.setdefault, values, values))


class _Cell:
    """The sums of what the rules can't tell apart, and where they send it."""

    __slots__ = ("billed_cost", "effective_cost", "events", "way")

    def __init__(self, way: Way) -> None:
        self.way, self.events = way, 0
        self.billed_cost = self.effective_cost = ZERO


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
            sums = found.setdefault(values[: self._kept], [ZERO, ZERO])
            sums[0], sums[1] = add(sums[0], billed), add(sums[1], effective)
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
