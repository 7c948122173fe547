"""Holes in the sequences of a delivery: where a partition of the cost topic stopped, until it is filled."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.store.cost_totals import STREAM
from services.ledger.store.tables import costs, holes


class Hole(NamedTuple):
    """Partition `partition` of a delivery lacks the sequences from `expected` to `got` - 1."""

    delivery_id: str
    partition: int
    expected: int
    got: int


async def keep(conn: AsyncConnection, delivery_id: str, partition: int, got: int, reason: str) -> None:
    """Remember where a partition stopped."""
    row = {"delivery_id": delivery_id, "partition": partition, "got": got, "reason": reason}
    await conn.execute(insert(holes).on_conflict_do_nothing(), row)


async def unfilled(conn: AsyncConnection) -> list[Hole]:
    """Holes that the stream has not passed since."""
    p = costs.progress.c
    same = and_(p.stream == STREAM, p.delivery_id == holes.c.delivery_id, p.partition == holes.c.partition)
    expected = func.coalesce(p.next_sequence, 0)
    query = (
        select(holes.c.delivery_id, holes.c.partition, expected, holes.c.got)
        .select_from(holes.outerjoin(costs.progress, same))
        .where(expected <= holes.c.got)
        .order_by(holes.c.delivery_id, holes.c.partition, holes.c.got)
    )
    return [Hole(*row) for row in await conn.execute(query)]
