"""From one billing period's buckets to allocation lines: a pure function.

Direct cost is assigned rule by rule and added up to the line grain. Shared cost then steps down through the pools,
each part keeping its origin and the path it took. The result depends neither on the order of the buckets nor on how
they were partitioned, and a credit splits as the mirror image of a charge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

from services.allocator.domain.assign import Decision, assigner
from services.allocator.domain.buckets import GRAIN, Buckets, Values, projection
from services.allocator.domain.conservation import Tally, check_conservation
from services.allocator.domain.lines import SUSPENSE_COST_CENTER, Flow, Kind, Line, Share
from services.allocator.domain.pools import Shares, shares, step_down_order
from services.allocator.domain.rule_set import Basis, Pool, RuleSet, Target
from shared.money import CONTEXT, ZERO, add


class _Part(NamedTuple):
    """Cost on its way, and where it is."""

    target: Target
    flow: Flow
    billed_cost: Decimal
    effective_cost: Decimal
    share: Share | None = None


def allocate(buckets: Buckets, rule_set: RuleSet, cost_centers: Collection[str]) -> list[Line]:
    """Allocate a billing period's cost; lines come sorted by allocation id. Lines of nothing at all are left out.

    Raises:
        DimensionMissing: if the buckets lack a dimension that the rules use.
        NothingToSplitBy: if a proportional pool has no weights and its policy is to fail.
        ConservationBroken: if out is not in, which would be a fault in this program.
    """
    given = Tally()
    assigned = list(_assigned(buckets, rule_set, cost_centers))
    for part in assigned:
        given.add(("rule", part.flow.currency, part.flow.rule_id), part.billed_cost, part.effective_cost)
    settled = _step_down(assigned, rule_set, given)
    lines = [_line(part) for part in settled if part.billed_cost or part.effective_cost]
    check_conservation(buckets, given, lines)
    lines.sort(key=itemgetter(0))
    return lines


def _assigned(buckets: Buckets, rule_set: RuleSet, cost_centers: Collection[str]) -> Iterator[_Part]:
    """Add the buckets up per rule, target and line grain."""
    assign = assigner(rule_set, cost_centers, buckets.dimensions)
    grain = projection(buckets.dimensions, GRAIN)
    sums: dict[tuple[Decision, Values], tuple[Decimal, Decimal]] = {}
    nothing = (ZERO, ZERO)
    plus = CONTEXT.add
    for values, billed, effective, _ in buckets.rows:
        key = (assign(values), grain(values))
        so_far = sums.get(key, nothing)
        sums[key] = (plus(so_far[0], billed), plus(so_far[1], effective))
    for (decision, (currency, *origin)), amounts in sums.items():
        assert currency is not None, "a bucket without a currency"
        yield _Part(decision.target, Flow(buckets.billing_period, currency, tuple(origin), decision.rule_id), *amounts)


def _step_down(assigned: Iterable[_Part], rule_set: RuleSet, given: Tally) -> list[_Part]:
    """Split every pool, feeders first, until all cost is at a cost center or in suspense."""
    settled: list[_Part] = []
    held: dict[str, list[_Part]] = defaultdict(list)
    _deliver(assigned, settled, held)
    direct = _direct_cost(settled, rule_set.basis)
    for pool in step_down_order(rule_set.pools):
        parts = held.pop(pool.id, [])
        for part in parts:
            given.add(("pool", part.flow.currency, pool.id), part.billed_cost, part.effective_cost)
        _deliver(_split(pool, parts, direct), settled, held)
    assert not held, f"cost is left in pools {sorted(held)}"
    return settled


def _deliver(parts: Iterable[_Part], settled: list[_Part], held: dict[str, list[_Part]]) -> None:
    for part in parts:
        target = part.target
        (held[target.id] if target.kind == "pool" else settled).append(part)


def _direct_cost(settled: Iterable[_Part], basis: Basis) -> dict[str, dict[str, Decimal]]:
    """Direct cost by currency and cost center, in the basis: the weights of proportional pools."""
    direct: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for part in settled:
        if part.target.kind == "cost_center":
            of_currency = direct[part.flow.currency]
            amount = part.billed_cost if basis == "BilledCost" else part.effective_cost
            of_currency[part.target.id] = add(of_currency[part.target.id], amount)
    return direct


def _split(pool: Pool, parts: Iterable[_Part], direct: dict[str, dict[str, Decimal]]) -> Iterator[_Part]:
    fixed: dict[str, Shares] = {}
    for _, flow, billed_cost, effective_cost, _ in parts:
        if not (billed_cost or effective_cost):
            continue
        if flow.currency not in fixed:
            fixed[flow.currency] = shares(pool, flow.currency, direct.get(flow.currency, {}))
        split = fixed[flow.currency]
        out = flow.through(pool.id, split.method)
        billed, effective = split.splitting(billed_cost), split.splitting(effective_cost)
        for target, billed_part, effective_part, share in zip(
            split.targets, billed, effective, split.shares, strict=True
        ):
            yield _Part(target, out, billed_part, effective_part, share)


def _line(part: _Part) -> Line:
    target, flow, billed_cost, effective_cost, share = part
    if target.kind == "suspense":
        line_id = flow.allocation_id(SUSPENSE_COST_CENTER)
        return Line(line_id, flow, SUSPENSE_COST_CENTER, "suspense", billed_cost, effective_cost, share)
    kind: Kind = "shared" if flow.path else "direct"
    return Line(flow.allocation_id(target.id), flow, target.id, kind, billed_cost, effective_cost, share)
