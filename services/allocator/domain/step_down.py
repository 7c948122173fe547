"""Shared cost on its way down: pool after pool, feeders first, until all of it is at a cost center or in suspense."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from services.allocator.domain.bases import Bases
from services.allocator.domain.buckets import GRAIN, Values
from services.allocator.domain.cell import Cell, Partition
from services.allocator.domain.charged import EarlierMonths
from services.allocator.domain.conservation import Tally
from services.allocator.domain.division import Division
from services.allocator.domain.drivers import Drivers, Window
from services.allocator.domain.lines import Flow, Share, Step
from services.allocator.domain.methods import CannotDivide, divide
from services.allocator.domain.methods.problems import TooFarApart
from services.allocator.domain.pool import Pool
from services.allocator.domain.pools import Stage, looked_at_later, partitions_ahead, stages
from services.allocator.domain.reciprocal import NeverPaysOut, solve
from services.allocator.domain.rule_set import CHARGE_DAY, CHARGE_MONTH, Condition, RuleSet, Target
from shared.money import CONTEXT, ZERO, AmountOutOfRange, total

_SERVICE = GRAIN.index("ServiceName") - 1
_SUB_ACCOUNT = GRAIN.index("SubAccountId") - 1


class Part(NamedTuple):
    """Cost on its way, and where it is."""

    target: Target
    flow: Flow
    billed_cost: Decimal
    effective_cost: Decimal
    share: Share | None = None


Divisions = dict[tuple[str, str, Partition], Division]
"""How each cell was divided, by pool, currency and the part of its partition."""


class _Way(NamedTuple):
    """What parts have in common when they leave a pool: they are joined by it before they are split."""

    origin: Values
    rule_id: str
    path: tuple[str, ...]
    partition: Partition
    steps: tuple[Step, ...]


class _Joined(NamedTuple):
    ways: Sequence[_Way]
    billed: Sequence[Decimal]
    effective: Sequence[Decimal]


class StepDown:
    """One run of all pools.

    Args:
        given: takes note of what each pool was given, for the proof that nothing was lost.
        divisions: takes note of how each cell was divided.
    """

    def __init__(
        self, rule_set: RuleSet, billing_period: str, bases: Bases, drivers: Drivers, earlier: EarlierMonths,
        given: Tally, divisions: Divisions | None,
    ) -> None:  # fmt: skip
        self._stages = stages(rule_set.pools, rule_set.reciprocal)
        self._ahead, self._later = partitions_ahead(self._stages), looked_at_later(self._stages)
        self._partitions = {pool.id: pool.partition_by for pool in rule_set.pools}
        self._billed = rule_set.basis == "BilledCost"
        self._period, self._bases, self._drivers, self._given = billing_period, bases, drivers, given
        self._held: dict[str, list[Part]] = defaultdict(list)
        self._settled: list[Part] = []
        self._received: list[tuple[str, str, Partition, Decimal, Decimal]] = []
        self._earlier, self._noted = earlier, divisions

    def run(self, assigned: Iterable[Part]) -> list[Part]:
        """Split every pool, and return all that is at a cost center or in suspense.

        Raises:
            CannotDivide: if a pool's policy is to fail.
        """
        self._deliver(assigned)
        for stage in self._stages:
            self._split(stage)
        assert not self._held, f"cost is left in pools {sorted(self._held)}"
        return self._settled

    def _deliver(self, parts: Iterable[Part]) -> None:
        for part in parts:
            target = part.target
            (self._held[target.id] if target.kind == "pool" else self._settled).append(part)

    def _split(self, stage: Stage) -> None:
        out: list[Part] = []
        for (currency, where), parts in sorted(self._cells(stage).items(), key=_by_cell):
            divisions = self._divisions(stage, currency, where, parts)
            if self._noted is not None:
                self._noted |= {(name, currency, where): division for name, division in divisions.items()}
            for pool in stage:
                if pool.id in parts:
                    try:
                        out += self._leaving(pool, currency, divisions[pool.id], parts[pool.id])
                    except AmountOutOfRange as error:
                        raise TooFarApart(self._cell(pool, currency, where, parts[pool.id]), error.amount) from None
        for received in self._received:
            self._bases.add_received(*received)
        self._received.clear()
        self._deliver(out)

    def _cells(self, stage: Stage) -> dict[tuple[str, Partition], dict[str, list[Part]]]:
        """What the pools of a stage hold, by currency and part of the partition, and then by pool."""
        cells: dict[tuple[str, Partition], dict[str, list[Part]]] = defaultdict(lambda: defaultdict(list))
        for pool in stage:
            for part in self._held.pop(pool.id, ()):
                self._given.add(("pool", part.flow.currency, pool.id), part.billed_cost, part.effective_cost)
                if part.billed_cost or part.effective_cost:
                    values = dict(part.flow.partition)
                    where = tuple((name, values[name]) for name in pool.partition_by)
                    cells[part.flow.currency, where][pool.id].append(part)
        return cells

    def _divisions(
        self, stage: Stage, currency: str, where: Partition, parts: Mapping[str, Sequence[Part]]
    ) -> Mapping[str, Division]:
        """How each pool of a stage divides a cell."""

        def cell(pool: Pool) -> Cell:
            return self._cell(pool, currency, where, parts.get(pool.id, ()))

        divisions = {pool.id: divide(pool, cell(pool)) for pool in stage}
        if len(stage) == 1:
            return divisions
        try:
            return solve(divisions)
        except NeverPaysOut as error:
            raise CannotDivide(cell(stage[0]), str(error), "give one of them a target outside the group") from None

    def _cell(self, pool: Pool, currency: str, where: Partition, parts: Iterable[Part]) -> Cell:
        amount = total(p.billed_cost if self._billed else p.effective_cost for p in parts)
        rest = tuple(pair for pair in where if pair[0] != CHARGE_MONTH)
        window, find = cell_window(self._period, where), self._bases.find

        def charged(condition: Condition | None) -> Mapping[str, Decimal] | None:
            month = dict(where).get(CHARGE_MONTH)
            if month is None or month >= self._period:
                return None
            return self._earlier.find(month, condition, currency, rest, billed=self._billed)

        return Cell(
            pool.id, currency, where, amount, window, self._drivers, lambda base: find(base, currency, rest), charged
        )

    def _leaving(self, pool: Pool, currency: str, division: Division, parts: Iterable[Part]) -> Iterator[Part]:
        """Split what a cell holds, and send each part on its way."""
        ways, billed, effective = self._joined(pool, division, parts)
        billed_parts = division.split_all(billed, basis=self._billed)
        effective_parts = division.split_all(effective, basis=not self._billed)
        shares = division.shares()
        for way, billed_row, effective_row in zip(ways, billed_parts, effective_parts, strict=True):
            flows: dict[tuple[str, str], Flow] = {}
            for taker, share, b, e in zip(division.parts, shares, billed_row, effective_row, strict=True):
                target, _, leg = taker
                to_pool = target.id if target.kind == "pool" else ""
                flow = flows.get((to_pool, leg))
                if flow is None:
                    flow = flows[to_pool, leg] = self._flow(
                        pool, currency, division.method, way, taker.leg, to_pool, share
                    )
                if target.kind == "cost_center" and self._bases.received_wanted:
                    self._received.append((target.id, currency, way.partition, b, e))
                yield Part(target, flow, b, e, share)

    def _joined(self, pool: Pool, division: Division, parts: Iterable[Part]) -> _Joined:
        fed = [part.target.id for part in division.parts if part.target.kind == "pool"]
        ahead = {name for target in fed for name in self._ahead[target]}
        sums: dict[_Way, list[Decimal]] = {}
        for part in parts:
            flow = part.flow
            kept = ahead.union(self._later[pool.id], pool.partition_by, *(self._partitions[name] for name in flow.path))
            partition = tuple(pair for pair in flow.partition if pair[0] in kept)
            origin = flow.origin if pool.keep_detail else _without_detail(flow.origin, pool.id)
            way = _Way(origin, flow.rule_id, flow.path, partition, flow.steps)
            so_far = sums.setdefault(way, [ZERO, ZERO])
            so_far[0] = CONTEXT.add(so_far[0], part.billed_cost)
            so_far[1] = CONTEXT.add(so_far[1], part.effective_cost)
        ways = sorted((way for way, amounts in sums.items() if any(amounts)), key=repr)
        return _Joined(ways, [sums[way][0] for way in ways], [sums[way][1] for way in ways])

    def _flow(
        self, pool: Pool, currency: str, method: str | None, way: _Way, leg: str, to_pool: str, share: Share | None
    ) -> Flow:
        path, steps, partition = (*way.path, pool.id), way.steps, way.partition
        if to_pool:
            steps = (*steps, Step(pool.id, method, share))
        else:
            kept = {name for passed in path for name in self._partitions[passed]}
            partition = tuple(pair for pair in partition if pair[0] in kept)
        return Flow(self._period, currency, way.origin, way.rule_id, path, method, leg, partition, steps)


def cell_window(billing_period: str, where: Partition) -> Window:
    """The time that a cell's drivers are measured in: its day, if the pool is split by day, or the billing period."""
    day = dict(where).get(CHARGE_DAY)
    return Window.of_day(day) if day else Window.of_month(billing_period)


def _by_cell(cell: tuple[tuple[str, Partition], object]) -> str:
    return repr(cell[0])


def _without_detail(origin: Values, pool: str) -> Values:
    values = list(origin)
    values[_SERVICE], values[_SUB_ACCOUNT] = f"pool:{pool}", None
    return tuple(values)
