"""The adjustments of closed billing periods: lines and runs, only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.line_content import LineContent
from services.allocator.store.copying import copy_and_execute
from services.allocator.store.tables import adjustment_runs, adjustments
from shared.events import AdjustmentRun, decode, encode

_STAGED = {
    "allocation_id": "text", "billing_period": "text", "number": "int", "cost_center": "text", "body": "bytea",
}  # fmt: skip
_INSERT = f"""
    INSERT INTO {adjustments.fullname} ({", ".join(_STAGED)}) SELECT * FROM pg_temp.staged_adjustments
"""  # noqa: S608


async def add(
    conn: AsyncConnection, billing_period: str, number: int, lines: Sequence[tuple[LineContent, bytes]]
) -> None:
    """Keep lines of an adjustment with their contract bytes."""
    rows = [(line.allocation_id, billing_period, number, line.cost_center, body) for line, body in lines]
    await copy_and_execute(conn, "staged_adjustments", _STAGED, rows, _INSERT)


async def add_run(conn: AsyncConnection, run: AdjustmentRun, seconds: float) -> None:
    """Keep a finished adjustment."""
    row = {"billing_period": run.billing_period, "number": run.number, "body": encode(run), "seconds": seconds}
    await conn.execute(insert(adjustment_runs).values(row))


async def bodies(conn: AsyncConnection, billing_period: str) -> list[bytes]:
    """The contract bytes of all adjusting lines of a period."""
    return list(await conn.scalars(select(adjustments.c.body).where(adjustments.c.billing_period == billing_period)))


async def body(conn: AsyncConnection, allocation_id: str) -> bytes | None:
    """The contract bytes of an adjusting line, by its own id."""
    found: bytes | None = await conn.scalar(
        select(adjustments.c.body).where(adjustments.c.allocation_id == allocation_id)
    )
    return found


async def page(
    conn: AsyncConnection, billing_period: str, cost_center: str | None, limit: int, after: str
) -> list[tuple[str, bytes]]:
    """Adjusting lines of a period in the order of their ids, from after one on: id and contract bytes."""
    c = adjustments.c
    query = select(c.allocation_id, c.body).where(c.billing_period == billing_period, c.allocation_id > after)
    if cost_center is not None:
        query = query.where(c.cost_center == cost_center)
    return [(row[0], row[1]) for row in await conn.execute(query.order_by(c.allocation_id).limit(limit))]


async def runs_of(conn: AsyncConnection, billing_period: str | None = None) -> list[AdjustmentRun]:
    """The adjustments of one or of every period, by period and number."""
    return [decode(AdjustmentRun, row["body"]) for row in await run_list(conn, billing_period)]


async def run_list(conn: AsyncConnection, billing_period: str | None = None) -> list[dict[str, Any]]:
    """The same as contract bytes, with when and how long."""
    c = adjustment_runs.c
    query = select(c.body, c.finished_at, c.seconds).order_by(c.billing_period, c.number)
    if billing_period is not None:
        query = query.where(c.billing_period == billing_period)
    return [dict(row._mapping) for row in await conn.execute(query)]
