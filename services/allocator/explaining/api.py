"""HTTP in: explanations of lines and of what a cost center pays."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator.api import Period
from services.allocator.explaining.adjusting_line import AdjustingLine, adjusting_line
from services.allocator.explaining.adjustment import explain_adjusting
from services.allocator.explaining.archive_api import drivers_seen, line_of
from services.allocator.explaining.context import Seen, with_context, with_contexts
from services.allocator.explaining.explanation import explain, summarise
from services.allocator.loading import LoadedRuleSet
from services.allocator.planning import load_version
from services.allocator.store import adjustments, allocations
from shared.events import AdjustmentRun, Allocation, AllocationRun, decode
from shared.http import ApiError


def add_explanation_routes(api: FastAPI, engine: AsyncEngine) -> None:
    """Add the allocator's explanation routes."""

    @api.get("/v1/allocations/{allocation_id}/explanation", tags=["allocations"])
    async def explain_line(allocation_id: str) -> dict[str, Any]:
        """How a line came to its amount: the rule, each pool on the way with its share, who else got what.

        Of an adjusting line: that of the line it adds to, before and after, and what has come in between.
        """
        async with engine.connect() as conn:
            adjusting = await adjusting_line(conn, allocation_id)
            if adjusting:
                return await _explained(conn, adjusting)
            line = await line_of(conn, allocation_id)
            if line.withdrawn:
                run = f"run {line.run_id}"
                raise ApiError(409, "withdrawn", f"allocation {allocation_id} was withdrawn by {run}: nothing is left")
            lines = await _lines(conn, line.billing_period)
            loaded, seen = await _context(conn, line)
        document = await run_in_threadpool(explain, line, lines)
        return await run_in_threadpool(with_context, document, loaded, seen)

    @api.get("/v1/explanations", tags=["allocations"])
    async def explain_cost_center(period: Period, cost_center: str) -> dict[str, Any]:
        """What a cost center pays for in a billing period: direct cost by rule and service, its share of each pool."""
        async with engine.connect() as conn:
            latest = await allocations.latest_run(conn, period)
            lines = await _lines(conn, period, cost_center)
        if latest is None or not lines:
            raise ApiError(404, "no-allocations", f"{cost_center} has no allocations of {period}")
        run = decode(AllocationRun, latest[1])
        return {
            "billing_period": period, "cost_center": cost_center, "basis": run.basis, "run_id": run.run_id,
            "rule_set": run.rule_set, "rule_set_version": run.rule_set_version,
            "entries": summarise(cost_center, lines, run.basis),
        }  # fmt: skip


async def _explained(conn: AsyncConnection, adjusting: AdjustingLine) -> dict[str, Any]:
    line, period = adjusting.line, adjusting.line.billing_period
    final = await _lines(conn, period)
    others = [decode(Allocation, body) for body in await adjustments.bodies(conn, period)]
    loaded = await load_version(conn, line.rule_set_version)
    before = await _seen(conn, loaded, adjusting.runs_before[-1])
    after = await _seen(conn, loaded, adjusting.run)
    document = await run_in_threadpool(explain_adjusting, line, adjusting.run, final, others)
    return await run_in_threadpool(with_contexts, document, loaded, before, after)


async def _lines(conn: AsyncConnection, period: str, cost_center: str | None = None) -> list[Allocation]:
    return [decode(Allocation, body) for body in await allocations.live_bodies(conn, period, cost_center)]


async def _context(conn: AsyncConnection, line: Allocation) -> tuple[LoadedRuleSet, Seen]:
    """The rule set of a line, and what the run that wrote it saw."""
    loaded = await load_version(conn, line.rule_set_version)
    body = await allocations.run_body(conn, line.run_id)
    assert body is not None, f"run {line.run_id} wrote a line and is not in the table"
    return loaded, await _seen(conn, loaded, decode(AllocationRun, body))


async def _seen(conn: AsyncConnection, loaded: LoadedRuleSet, run: AllocationRun | AdjustmentRun) -> Seen:
    return Seen(await drivers_seen(conn, loaded, run.billing_period, run), run.earlier_runs)
