"""Billing periods that wait for a run. Several triggers are one request, so runs coalesce."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.store.tables import buckets, periods, run_requests, runs


async def add(conn: AsyncConnection, billing_periods: Iterable[str]) -> None:
    """Ask for a run of each period, in the transaction of what makes it necessary."""
    rows = [{"billing_period": period} for period in sorted(set(billing_periods))]
    if rows:
        statement = insert(run_requests)
        again = {"requested_at": func.clock_timestamp()}
        await conn.execute(statement.on_conflict_do_update(index_elements=["billing_period"], set_=again), rows)


async def add_all_with_cost(conn: AsyncConnection, effective_from: str) -> None:
    """Ask for a run of every period with cost that a rule set may concern: a closed one keeps its rules."""
    closed = select(periods.c.billing_period).where(periods.c.state == "closed")
    period = buckets.c.billing_period
    query = select(period).distinct().where(period >= effective_from, period.not_in(closed))
    await add(conn, await conn.scalars(query))


async def known_periods(conn: AsyncConnection) -> list[str]:
    """Every period that has had a run or asks for one."""
    query = select(runs.c.billing_period).union(select(run_requests.c.billing_period))
    return list(await conn.scalars(query.order_by("billing_period")))


async def waiting(conn: AsyncConnection, billing_period: str | None = None) -> list[dict[str, Any]]:
    """The open requests, the oldest first."""
    query = select(run_requests).order_by(run_requests.c.requested_at, run_requests.c.billing_period)
    if billing_period is not None:
        query = query.where(run_requests.c.billing_period == billing_period)
    return [dict(row._mapping) for row in await conn.execute(query)]


async def explain(conn: AsyncConnection, billing_period: str, reason: str, failed_inputs: str | None = None) -> None:
    """Say what a request is waiting for."""
    found = update(run_requests).where(run_requests.c.billing_period == billing_period)
    await conn.execute(found.values(reason=reason, failed_inputs=failed_inputs))


async def settle(conn: AsyncConnection, billing_period: str) -> None:
    """Forget a request, in the transaction of the run that answers it."""
    await conn.execute(delete(run_requests).where(run_requests.c.billing_period == billing_period))
