"""The state of each billing period, and the records about it that are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.periods import Period, Phase, State
from services.ledger.store.tables import periods

Target = tuple[str, int, int]
"""Topic without prefix, partition, end offset."""


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A period's state with what only the ledger keeps about it."""

    period: Period
    revision: int
    reconciliations: int
    targets: tuple[Target, ...]
    waiting_for: tuple[str, ...]
    waiting_since: datetime
    waited_seconds: float
    reconciliation: bytes | None
    chain_head: str | None
    books: str | None


async def load(conn: AsyncConnection, billing_period: str) -> PeriodRow | None:
    """One period, or None when nobody has asked to close it yet."""
    rows = await _rows(conn, billing_period)
    return rows[0] if rows else None


async def load_all(conn: AsyncConnection) -> list[PeriodRow]:
    """Every period that somebody asked to close, by period."""
    return await _rows(conn, None)


async def closing(conn: AsyncConnection) -> list[str]:
    """The periods that have a close under way."""
    query = select(periods.c.billing_period).where(periods.c.state == State.CLOSING).order_by(periods.c.billing_period)
    return list((await conn.execute(query)).scalars())


async def save(conn: AsyncConnection, period: Period, **columns: object) -> None:
    """Write a period's state, and any other columns with it; waiting starts anew."""
    row = {
        "billing_period": period.billing_period, "state": period.state, "phase": period.phase,
        "attempt": period.attempt, "requested_by": period.requested_by, "deliveries": list(period.deliveries),
        "waiting_for": [], "waiting_since": func.clock_timestamp(), **columns,
    }  # fmt: skip
    statement = insert(periods).values(row)
    await conn.execute(statement.on_conflict_do_update(index_elements=["billing_period"], set_=row))


async def keep_waiting(conn: AsyncConnection, billing_period: str, waiting_for: Sequence[str]) -> None:
    """Say what a close waits for; the time of waiting counts from when that last changed."""
    where = (periods.c.billing_period == billing_period, periods.c.waiting_for != list(waiting_for))
    values = {"waiting_for": list(waiting_for), "waiting_since": func.clock_timestamp()}
    await conn.execute(update(periods).where(*where).values(values))


async def aim(conn: AsyncConnection, billing_period: str, targets: Sequence[Target]) -> None:
    """Have a close read further than was asked for at its request."""
    values = {"targets": [list(target) for target in targets]}
    await conn.execute(update(periods).where(periods.c.billing_period == billing_period).values(values))


async def _rows(conn: AsyncConnection, billing_period: str | None) -> list[PeriodRow]:
    waited = (func.clock_timestamp() - periods.c.waiting_since).label("waited")
    query = select(periods, waited).order_by(periods.c.billing_period)
    if billing_period is not None:
        query = query.where(periods.c.billing_period == billing_period)
    return [
        PeriodRow(
            Period(
                row.billing_period, State(row.state), Phase(row.phase) if row.phase else None, row.attempt,
                row.requested_by, tuple(row.deliveries),
            ),
            row.revision, row.reconciliations, tuple((t, p, o) for t, p, o in row.targets), tuple(row.waiting_for),
            row.waiting_since, row.waited.total_seconds(), row.reconciliation, row.chain_head, row.books,
        )
        for row in await conn.execute(query)
    ]  # fmt: skip
