"""Where deliveries came from, so that what a watched place holds is delivered once, whoever looks and how often.

An origin is a hash that the caller makes from what was found: names, sizes, versions. It is kept in the transaction
that creates the delivery, or that takes in a file of another dataset, which is no delivery. Every function works in the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import origins


class PartlyDelivered(ValueError):
    """Some of a delivery was delivered before, and some was not."""

    def __init__(self, source: str, delivery_ids: Sequence[str]) -> None:
        self.source, self.delivery_ids = source, tuple(delivery_ids)
        before = ", ".join(delivery_ids) or "a file of another dataset"
        super().__init__(f"{source}: a part of this was delivered before, as {before}; deliver the other part alone")


async def known(conn: AsyncConnection, source: str, wanted: Sequence[str]) -> dict[str, str | None]:
    """The delivery of each origin that a source has delivered; None for files of other datasets."""
    query = select(origins.c.origin, origins.c.delivery_id).where(
        origins.c.source == source, origins.c.origin.in_(wanted)
    )
    return {row.origin: row.delivery_id for row in await conn.execute(query)}


def delivered_as(source: str, wanted: Sequence[str], found: Mapping[str, str | None]) -> str | None:
    """The delivery that has all these origins, None if they are new. `found` is what `known` says.

    Raises:
        PartlyDelivered: if neither all of them are one delivery nor none was delivered.
    """
    if not found:
        return None
    delivery_ids = sorted({one for one in found.values() if one is not None})
    if len(delivery_ids) != 1 or None in found.values() or set(found) != set(wanted):
        raise PartlyDelivered(source, delivery_ids)
    return delivery_ids[0]


async def keep(conn: AsyncConnection, source: str, new: Sequence[str], delivery_id: str) -> None:
    """Note what a delivery came from."""
    if new:
        rows = [{"source": source, "origin": origin, "delivery_id": delivery_id} for origin in new]
        await conn.execute(insert(origins), rows)


async def keep_without_delivery(conn: AsyncConnection, source: str, seen: Sequence[str]) -> None:
    """Note that a file of another dataset was looked at, whatever came of it; noting it twice does no harm."""
    if seen:
        rows = [{"source": source, "origin": origin} for origin in seen]
        await conn.execute(insert(origins).on_conflict_do_nothing(), rows)
