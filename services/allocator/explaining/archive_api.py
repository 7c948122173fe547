"""HTTP in: what needs the archive of costs besides the allocator's own tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator.api import Period
from services.allocator.archived_costs import NoCosts
from services.allocator.domain.drivers import NO_DRIVERS, Drivers, Window
from services.allocator.domain.methods import CannotDivide
from services.allocator.domain.metrics_used import metrics_used
from services.allocator.earlier_months import months_as_now
from services.allocator.explaining.adjusting_line import adjusting_line
from services.allocator.explaining.change import Month, change_of
from services.allocator.explaining.rows import late_provider_rows, provider_rows
from services.allocator.explaining.savings import savings
from services.allocator.loading import LoadedRuleSet
from services.allocator.planning import load_version
from services.allocator.simulating.simulate import Side
from services.allocator.store import allocations, drivers
from services.allocator.turns import OneMonth
from shared.archive import ArchiveUnreadable
from shared.events import AdjustmentRun, Allocation, AllocationRun, decode
from shared.http import ApiError

R = TypeVar("R")
Rows = Annotated[int, Query(ge=1, le=100_000, description="How many rows to list; all are added up")]


def add_archive_routes(api: FastAPI, engine: AsyncEngine, archive: Path | None, one_month: OneMonth) -> None:
    """Add the routes; without an archive each of them says what to set."""
    one_at_a_time = asyncio.Semaphore(1)

    async def asked(question: Callable[..., R], *arguments: object) -> R:
        """Ask the archive; one question at a time keeps memory flat."""
        async with one_at_a_time:
            try:
                return await run_in_threadpool(question, *arguments)
            except (ArchiveUnreadable, NoCosts) as error:
                raise ApiError(409, "archive-unreadable", str(error)) from None
            except CannotDivide as error:
                raise ApiError(409, "cannot-divide", f"the months can't be compared: {error}") from None

    @api.get("/v1/allocations/{allocation_id}/provider-rows", tags=["allocations"])
    async def list_provider_rows(allocation_id: str, rows: Rows = 20) -> dict[str, Any]:
        """The provider's rows behind a line, and what all of them add up to: what the line's rule took.

        Of an adjusting line: the rows that came late, and with costs negated those that went.
        """
        async with engine.connect() as conn:
            adjusting = await adjusting_line(conn, allocation_id)
            line = adjusting.line if adjusting else await line_of(conn, allocation_id)
            loaded = await load_version(conn, line.rule_set_version)
        if adjusting:
            known, late = adjusting.deliveries_before, adjusting.run.deliveries
            return await asked(late_provider_rows, _there(archive), loaded, line, rows, known, late)
        return await asked(provider_rows, _there(archive), loaded, line, rows)

    @api.get("/v1/changes", tags=["allocations"])
    async def explain_change(period: Period, since: Period, cost_center: str) -> dict[str, Any]:
        """Why a cost center pays more or less than in an earlier month, in parts that add up to the change."""
        async with engine.connect() as conn:
            months = [await _month(conn, one) for one in (since, period)]
        async with one_month:
            changes = await asked(change_of, _there(archive), cost_center, *months)
        return {"cost_center": cost_center, "since": since, "billing_period": period, "changes": changes}

    @api.get("/v1/savings", tags=["allocations"])
    async def list_savings(period: Period) -> list[dict[str, Any]]:
        """What commitments saved, by commitment and by whoever had the covered usage."""
        async with engine.connect() as conn:
            month = await _month(conn, period)
        return await asked(savings, _there(archive), period, month.side.loaded)


def _there(archive: Path | None) -> Path:
    if archive is None:
        advice = "set APPORTION_ALLOCATOR_ARCHIVE_DIR to the directory `archive` of intake's data"
        raise ApiError(409, "no-archive", f"the allocator has no archive of costs to look into: {advice}")
    return archive


async def _month(conn: AsyncConnection, period: str) -> Month:
    """A month as its newest run allocated it."""
    latest = await allocations.latest_run(conn, period)
    if latest is None:
        raise ApiError(409, "no-run", f"there is no allocation run of {period} yet")
    run = decode(AllocationRun, latest[1])
    loaded = await load_version(conn, run.rule_set_version)
    earlier = await months_as_now(conn, run.earlier_runs)
    return Month(period, Side(loaded, await drivers_seen(conn, loaded, period, run), earlier))


async def line_of(conn: AsyncConnection, allocation_id: str) -> Allocation:
    """The newest revision of a line."""
    bodies = await allocations.bodies(conn, [allocation_id])
    if not bodies:
        raise ApiError(404, "unknown-allocation", f"there is no allocation {allocation_id!r}")
    return decode(Allocation, bodies[0])


async def drivers_seen(
    conn: AsyncConnection, loaded: LoadedRuleSet, period: str, run: AllocationRun | AdjustmentRun
) -> Drivers:
    """The measurements that a run looked at."""
    used = metrics_used(loaded.rule_set)
    if not used:
        return NO_DRIVERS
    return Drivers.of(await drivers.of_run(conn, used, Window.of_month(period), run.drivers_ordinal))
