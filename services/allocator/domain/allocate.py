"""From one billing period's buckets to allocation lines: a pure function.

Direct cost is assigned rule by rule and added up to the line grain. Shared cost then steps down through the pools,
each part keeping its origin and the path it took. The result depends neither on the order of the buckets nor on how
they were partitioned, and a credit splits as the mirror image of a charge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter

from services.allocator.domain.assigned import Assigned, direct
from services.allocator.domain.bases import Bases
from services.allocator.domain.buckets import GRAIN, Buckets
from services.allocator.domain.charged import NO_EARLIER_MONTHS, EarlierMonths
from services.allocator.domain.conservation import Tally, check_conservation
from services.allocator.domain.division import Division
from services.allocator.domain.division import Part as Taker
from services.allocator.domain.drivers import NO_DRIVERS, Drivers
from services.allocator.domain.lines import SUSPENSE_COST_CENTER, Flow, Kind, Line
from services.allocator.domain.rule_set import Divided, RuleSet, Target
from services.allocator.domain.step_down import Divisions, Part, StepDown
from shared.money import CONTEXT, add


def allocate(
    buckets: Buckets, rule_set: RuleSet, cost_centers: Collection[str], drivers: Drivers = NO_DRIVERS,
    earlier: EarlierMonths = NO_EARLIER_MONTHS, divisions: Divisions | None = None,
) -> list[Line]:  # fmt: skip
    """Allocate a billing period's cost; lines come sorted by allocation id. Lines of nothing at all are left out.

    Raises:
        DimensionMissing: if the buckets lack a dimension that the rules use. For others see `allocate_assigned`.
    """
    assigned = Assigned(buckets.billing_period, buckets.dimensions, rule_set, cost_centers)
    assigned.take(buckets.rows)
    return allocate_assigned(assigned, drivers, earlier, divisions)


def allocate_assigned(
    assigned: Assigned, drivers: Drivers = NO_DRIVERS, earlier: EarlierMonths = NO_EARLIER_MONTHS,
    divisions: Divisions | None = None,
) -> list[Line]:  # fmt: skip
    """The same once the rules have taken every bucket.

    Args:
        earlier: the earlier months that charges name, as far as they have a run; others are not looked at.
        divisions: if given, takes note of how each cell of each pool was divided, so that single charges can be split
            as the run split their sums.

    Raises:
        CannotDivide: if a pool can't be split and its policy is to fail.
        ConservationBroken: if out is not in, which would be a fault in this program.
    """
    given, rule_set = Tally(), assigned.rule_set
    bases = Bases(rule_set)
    parts = list(_parts(assigned, bases))
    for part in parts:
        given.add(("rule", part.flow.currency, part.flow.rule_id), part.billed_cost, part.effective_cost)
    settled = StepDown(rule_set, assigned.billing_period, bases, drivers, earlier, given, divisions).run(parts)
    lines = _lines(settled)
    check_conservation(assigned.costs, given, lines)
    lines.sort(key=itemgetter(0))
    return lines


def _parts(assigned: Assigned, bases: Bases) -> Iterator[Part]:
    """What each rule gives to each target, by line grain and by what the pools ahead are partitioned by."""
    for decision, way in assigned.ways.items():
        for cost_center, part in direct(decision) if bases.dimensions else ():
            for key, (billed, effective) in way.sums.items():
                given = CONTEXT.multiply(part, billed), CONTEXT.multiply(part, effective)
                bases.add_direct(cost_center, way.of_bases(key), *given)
        for values, amounts in way.by_line_grain().items():
            currency, partition = values[0], way.partition(values)
            assert currency is not None, "a bucket without a currency"
            flow = Flow(
                assigned.billing_period, currency, values[1 : len(GRAIN)], decision.rule_id,
                method="fixed_percent" if isinstance(decision.target, Divided) else None, partition=partition,
            )  # fmt: skip
            yield from _given_to(decision.target, flow, amounts)


def _given_to(target: Target | Divided, flow: Flow, amounts: Sequence[Decimal]) -> Iterator[Part]:
    """Give it all to one, or to each its part. What does not go on to a pool is not about what pools are split by."""
    if isinstance(target, Target):
        billed_cost, effective_cost = amounts
        yield Part(target, flow, billed_cost, effective_cost)
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
