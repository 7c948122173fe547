"""Which lenses there are: one in use, perhaps one being built beside it, and those that are no longer wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.lens import Lens
from services.allocator.store.tables import COSTS, STREAM_TABLES, buckets, lenses
from shared.database import lock_transaction


class LensRow(NamedTuple):
    """A lens and its state: active, building or retired."""

    lens: Lens
    state: str


async def listing(conn: AsyncConnection) -> list[LensRow]:
    """Every lens, the oldest first."""
    rows = await conn.execute(select(lenses.c.definition, lenses.c.state).order_by(lenses.c.ordinal))
    return [LensRow(Lens(tuple(row.definition)), row.state) for row in rows]


async def ensure(conn: AsyncConnection, dimensions: Iterable[str]) -> None:
    """Make sure that a lens with these dimensions is there or being built; the very first one is active at once."""
    wanted = list(dimensions)
    await lock_transaction(conn, "allocator", "lenses")
    live = [row for row in await listing(conn) if row.state != "retired"]
    if any(row.lens.covers(wanted) for row in live):
        return
    lens = (live[-1].lens if live else Lens()).with_dimensions(wanted)
    row: dict[str, Any] = {"lens_id": lens.lens_id, "definition": list(lens.extra)}
    await conn.execute(insert(lenses).values(row | {"state": "building" if live else "active"}))


async def covering(conn: AsyncConnection, dimensions: Iterable[str]) -> LensRow | None:
    """The oldest lens that has these dimensions: the active one if possible."""
    wanted = list(dimensions)
    return next((r for r in await listing(conn) if r.state != "retired" and r.lens.covers(wanted)), None)


async def promote(conn: AsyncConnection, lens_id: str) -> None:
    """Use a lens from now on, and retire those before it."""
    await conn.execute(update(lenses).where(lenses.c.state == "active").values(state="retired"))
    await conn.execute(update(lenses).where(lenses.c.lens_id == lens_id).values(state="active"))


async def hold(conn: AsyncConnection, lens_id: str) -> bool:
    """Keep a lens from being retired until the transaction ends; False if it is retired or gone."""
    state = await conn.scalar(select(lenses.c.state).where(lenses.c.lens_id == lens_id).with_for_update(read=True))
    return state in {"active", "building"}


async def forget(conn: AsyncConnection, lens_id: str) -> None:
    """Delete everything of a retired lens. Nobody writes to it any more: writers hold their lens."""
    await conn.execute(delete(buckets).where(buckets.c.lens_id == lens_id))
    for table in (COSTS.progress, COSTS.sums, STREAM_TABLES.positions):
        await conn.execute(delete(table).where(table.c.stream == lens_id))
    await conn.execute(delete(lenses).where(lenses.c.lens_id == lens_id))
