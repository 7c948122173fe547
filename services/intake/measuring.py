"""What intake measures about its deliveries: gauges computed from the tables, never counted along."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import metrics
from services.intake.domain.delivery import State
from services.intake.tables import deliveries
from shared.events import Delivery, decode


async def measure(conn: AsyncConnection) -> None:
    """Set every gauge."""
    await _states(conn)
    await _newest(conn)


async def _states(conn: AsyncConnection) -> None:
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    found: dict[str, int] = dict((await conn.execute(query)).tuples().all())
    for state in State:
        metrics.IN_STATE.labels(state).set(found.get(state, 0))


async def _newest(conn: AsyncConnection) -> None:
    """The rows of each source's newest delivery that was read, whether it is held or published."""
    query = (
        select(deliveries.c.source, deliveries.c.rows_read, deliveries.c.flagged_rows, deliveries.c.record)
        .distinct(deliveries.c.source)
        .where(deliveries.c.record.is_not(None))
        .order_by(deliveries.c.source, deliveries.c.ordinal.desc())
    )
    for row in await conn.execute(query):
        rejected = decode(Delivery, row.record).rejected_rows
        for kind, rows in (("read", row.rows_read), ("rejected", rejected), ("flagged", row.flagged_rows)):
            metrics.NEWEST_ROWS.labels(row.source, kind).set(rows)
