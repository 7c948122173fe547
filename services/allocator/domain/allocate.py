"""From one billing period's buckets to allocation lines: a pure function.

Direct cost is assigned rule by rule and added up to the line grain. Shared cost then steps down through the pools,
each part keeping its origin and the path it took. The result depends neither on the order of the buckets nor on how
they were partitioned, and a credit splits as the mirror image of a charge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter

from services.allocator.domain.assign import Decision, sorter
from services.allocator.domain.bases import Bases
from services.allocator.domain.buckets import GRAIN, Buckets, Values, projection
from services.allocator.domain.cell import Partition
from services.allocator.domain.charged import NO_EARLIER_MONTHS, EarlierMonths
from services.allocator.domain.conservation import Tally, check_conservation
from services.allocator.domain.division import Division
from services.allocator.domain.division import Part as Taker
from services.allocator.domain.drivers import NO_DRIVERS, Drivers
from services.allocator.domain.lines import SUSPENSE_COST_CENTER, Flow, Kind, Line
from services.allocator.domain.pools import partitions_ahead, stages
from services.allocator.domain.rule_set import Divided, RuleSet, Target
from services.allocator.domain.step_down import Divisions, Part, StepDown
from shared.money import CONTEXT, ZERO, add


def allocate(
    buckets: Buckets, rule_set: RuleSet, cost_centers: Collection[str], drivers: Drivers = NO_DRIVERS,
    earlier: EarlierMonths = NO_EARLIER_MONTHS, divisions: Divisions | None = None,
) -> list[Line]:  # fmt: skip
    """Allocate a billing period's cost; lines come sorted by allocation id. Lines of nothing at all are left out.

    Args:
        earlier: the earlier months that charges name, as far as they have a run; others are not looked at.
        divisions: if given, takes note of how each cell of each pool was divided, so that single charges can be split
            as the run split their sums.

    Raises:
        DimensionMissing: if the buckets lack a dimension that the rules use.
        CannotDivide: if a pool can't be split and its policy is to fail.
        ConservationBroken: if out is not in, which would be a fault in this program.
    """
    given = Tally()
    bases = Bases(rule_set, buckets)
    assigned = list(_assigned(buckets, rule_set, cost_centers, bases))
    for part in assigned:
        given.add(("rule", part.flow.currency, part.flow.rule_id), part.billed_cost, part.effective_cost)
    settled = StepDown(rule_set, buckets.billing_period, bases, drivers, earlier, given, divisions).run(assigned)
    lines = _lines(settled)
    check_conservation(buckets, given, lines)
    lines.sort(key=itemgetter(0))
    return lines


def _assigned(buckets: Buckets, rule_set: RuleSet, cost_centers: Collection[str], bases: Bases) -> Iterator[Part]:
    """Add the buckets up per rule, target and line grain, and by what the pools ahead are partitioned by."""
    ahead = partitions_ahead(stages(rule_set.pools, rule_set.reciprocal))
    ways: dict[Decision, _Way] = {}

    def way_of(decision: Decision) -> _Way:
        if decision not in ways:
            ways[decision] = _Way(decision, buckets.dimensions, ahead, bases)
        return ways[decision]

    find = sorter(rule_set, cost_centers, buckets.dimensions, way_of)
    plus = CONTEXT.add
    for values, billed, effective, _ in buckets.rows:
        way = find(values)
        key = way.pick(values)
        so_far = way.sums.get(key)
        way.sums[key] = (billed, effective) if so_far is None else (plus(so_far[0], billed), plus(so_far[1], effective))
    for decision, way in ways.items():
        for cost_center, part in _direct(decision) if bases.dimensions else ():
            for key, (billed, effective) in way.sums.items():
                direct = CONTEXT.multiply(part, billed), CONTEXT.multiply(part, effective)
                bases.add_direct(cost_center, way.of_bases(key), *direct)
        for values, amounts in way.by_line_grain().items():
            currency, partition = values[0], way.partition(values)
            assert currency is not None, "a bucket without a currency"
            flow = Flow(
                buckets.billing_period, currency, values[1 : len(GRAIN)], decision.rule_id,
                method="fixed_percent" if isinstance(decision.target, Divided) else None, partition=partition,
            )  # fmt: skip
            yield from _given_to(decision.target, flow, amounts)


class _Way:
    """The buckets of one decision, added up by what matters from here on.

    That is the line grain, the partitions ahead, and, if cost centers get something directly, what the pools' bases
    look at. A month has far fewer such combinations than buckets.
    """

    def __init__(
        self, decision: Decision, dimensions: Sequence[str], ahead: Mapping[str, Collection[str]], bases: Bases
    ) -> None:
        target = decision.target
        pools = target.targets if isinstance(target, Divided) else [(target, None)]
        self._partitions = tuple(sorted({name for one, _ in pools if one.kind == "pool" for name in ahead[one.id]}))
        kept = (*GRAIN, *self._partitions)
        looked_at = bases.dimensions if any(_direct(decision)) else ()
        names = (*kept, *(name for name in looked_at if name not in kept))
        self.pick = projection(dimensions, names)
        self.of_bases = projection(names, looked_at)
        self._kept = len(kept)
        self._all = len(names)
        self.sums: dict[Values, tuple[Decimal, Decimal]] = {}

    def by_line_grain(self) -> Mapping[Values, tuple[Decimal, Decimal]]:
        """The sums without what only the bases look at."""
        if self._all == self._kept:
            return self.sums
        found: dict[Values, tuple[Decimal, Decimal]] = {}
        for values, (billed, effective) in self.sums.items():
            so_far = found.get(values[: self._kept], (ZERO, ZERO))
            found[values[: self._kept]] = add(so_far[0], billed), add(so_far[1], effective)
        return found

    def partition(self, values: Values) -> Partition:
        """The values of the partitions, by name."""
        return tuple(zip(self._partitions, values[len(GRAIN) :], strict=True))


def _direct(decision: Decision) -> Iterator[tuple[str, Decimal]]:
    """The cost centers that a decision names, and the part of the cost that each gets."""
    target = decision.target
    if isinstance(target, Divided):
        for one, percent in target.targets:
            if one.kind == "cost_center":
                yield one.id, percent.scaleb(-2, CONTEXT)
    elif target.kind == "cost_center":
        yield target.id, _ONE


def _given_to(target: Target | Divided, flow: Flow, amounts: tuple[Decimal, Decimal]) -> Iterator[Part]:
    """Give it all to one, or to each its part. What does not go on to a pool is not about what pools are split by."""
    if isinstance(target, Target):
        yield Part(target, flow, *amounts)
        return
    settled = replace(flow, partition=())
    division = Division.of("fixed_percent", (Taker(one, Fraction(percent)) for one, percent in target.targets))
    billed, effective = (division.split_all([amount], basis=False)[0] for amount in amounts)
    for taker, share, b, e in zip(division.parts, division.shares(), billed, effective, strict=True):
        yield Part(taker.target, flow if taker.target.kind == "pool" else settled, b, e, share)


def _lines(settled: Iterable[Part]) -> list[Line]:
    """Join the parts of each line, and leave out lines of nothing.

    A line that has parts with different shares (a pool split by day) says the share that it got in the end.
    """
    parts: dict[str, Part] = {}
    mixed: set[str] = set()
    for part in settled:
        cost_center = part.target.id or SUSPENSE_COST_CENTER
        line_id = part.flow.allocation_id(cost_center)
        before = parts.get(line_id)
        if before is not None:
            if before.share != part.share or before.flow.steps != part.flow.steps:
                mixed.add(line_id)
            part = part._replace(
                billed_cost=add(before.billed_cost, part.billed_cost),
                effective_cost=add(before.effective_cost, part.effective_cost),
            )
        parts[line_id] = part
    return [
        _line(line_id, part, mixed=line_id in mixed)
        for line_id, part in parts.items()
        if part.billed_cost or part.effective_cost
    ]


def _line(line_id: str, part: Part, *, mixed: bool) -> Line:
    flow, share = part.flow, part.share
    if mixed:
        steps = tuple(step._replace(share=None) for step in flow.steps)
        flow, share = replace(flow, steps=steps), None
    cost_center = part.target.id or SUSPENSE_COST_CENTER
    kind: Kind = "suspense" if part.target.kind == "suspense" else "shared" if flow.path else "direct"
    return Line(line_id, flow, cost_center, kind, part.billed_cost, part.effective_cost, share)


_ONE = Decimal(1)
