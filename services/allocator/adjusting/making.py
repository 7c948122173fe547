"""Making an adjustment: a step of a run's transaction, so a crash before its commit leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator import publishing
from services.allocator.adjusting.planning import AdjustmentPlan
from services.allocator.domain.adjusting import adjust
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.domain.lines import Line
from services.allocator.line_content import LineContent, LineEncoder
from services.allocator.store import adjustments, allocations, requests
from services.allocator.store.tables import STREAM_TABLES
from services.allocator.totals import RunTotals
from shared import failpoints, topics
from shared.events import AdjustmentRun, AllocationTotals
from shared.money import CONTEXT
from shared.outbox import enqueue

_LINES_PER_SLICE = 5_000


async def make_adjustment(
    conn: AsyncConnection, prefix: str, work: AdjustmentPlan, lines: Sequence[Line], started: float
) -> AdjustmentRun | None:
    """Write and publish what lines differ from all that was allocated before; None if they do not.

    Args:
        lines: what all of the period's cost is allocated to now.

    Raises:
        ConservationBroken: if the differences are not the late cost, invoice by invoice and in all.
    """
    period = work.inputs.billing_period
    bodies = await allocations.live_bodies(conn, period) + await adjustments.bodies(conn, period)
    found = await asyncio.to_thread(_differences, work, lines, bodies)
    # First of the writes: of two processes, the one that the other overtook fails here and tries again.
    await requests.settle(conn, period)
    if not found:
        return None
    totals, encoder = RunTotals(work.late), LineEncoder()
    for start in range(0, len(found), _LINES_PER_SLICE):
        some = await asyncio.to_thread(_encoded, found[start : start + _LINES_PER_SLICE], work, encoder, totals)
        await _write(conn, prefix, work, some)
    failpoints.reach("allocator.adjustment.lines-written")
    for total in totals.by_currency:
        _check(total)
    run = _record(work, totals)
    await adjustments.add_run(conn, run, round(time.monotonic() - started, 3))
    await enqueue(conn, STREAM_TABLES.outbox, [publishing.adjustment_run(prefix, run)])
    failpoints.reach("allocator.adjustment.written")
    return run


def _differences(work: AdjustmentPlan, lines: Sequence[Line], bodies: Sequence[bytes]) -> list[Line]:
    return adjust(work.assigned.costs, lines, (publishing.line_of(body) for body in bodies))


def _encoded(lines: Sequence[Line], work: AdjustmentPlan, encoder: LineEncoder, totals: RunTotals) -> list[LineContent]:
    loaded, encoded = work.inputs.loaded, []
    for line in lines:
        content = encoder.adjustment(line, work.number, loaded.rule_set.name, loaded.version)
        totals.add(line, content.content_hash)
        encoded.append(content)
    return encoded


async def _write(conn: AsyncConnection, prefix: str, work: AdjustmentPlan, lines: Sequence[LineContent]) -> None:
    period, topic = work.inputs.billing_period, prefix + topics.ADJUSTMENTS.name
    with_bodies = [(line, line.body(1, work.run_id)) for line in lines]
    await adjustments.add(conn, period, work.number, with_bodies)
    await enqueue(
        conn, STREAM_TABLES.outbox, (publishing.allocation(topic, line, 1, body) for line, body in with_bodies)
    )


def _record(work: AdjustmentPlan, totals: RunTotals) -> AdjustmentRun:
    inputs, rules = work.inputs, work.inputs.loaded.rule_set
    return AdjustmentRun(
        run_id=work.run_id, billing_period=inputs.billing_period, number=work.number, close_id=inputs.close_id or "",
        rule_set=rules.name, rule_set_version=inputs.loaded.version, basis=rules.basis,
        deliveries=list(work.late_deliveries), lines_hash=totals.lines_hash,
        totals=[total for total in totals.by_currency if total.lines or total.events],
        drivers_hash=inputs.measured.drivers_hash if inputs.measured else None,
        drivers_ordinal=inputs.measured.ordinal if inputs.measured else None,
        earlier_runs=work.earlier.runs(),
    )  # fmt: skip


def _check(total: AllocationTotals) -> None:
    """The late cost by the control totals of deliveries and earlier runs, which the lines were not made from."""
    add = CONTEXT.add
    cost_in = total.cost_billed, total.cost_effective
    cost_out = (
        add(total.allocated_billed, total.suspense_billed),
        add(total.allocated_effective, total.suspense_effective),
    )
    if cost_in != cost_out:
        raise ConservationBroken(f"late cost in {total.currency}", cost_in, cost_out)
