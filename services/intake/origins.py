"""Where deliveries came from, so that what a watched place holds is delivered once, whoever looks and how often.

An origin is a hash that the caller makes from what was found: names, sizes, versions. It is kept in the transaction
that creates the delivery. Every function works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import origins


class PartlyDelivered(ValueError):
    """Some of a delivery was delivered before, and some was not."""

    def __init__(self, source: str, delivery_ids: Sequence[str]) -> None:
        self.source, self.delivery_ids = source, tuple(delivery_ids)
        super().__init__(
            f"{source}: a part of this was delivered before, as {', '.join(delivery_ids)}; deliver the other part alone"
        )


async def known(conn: AsyncConnection, source: str, wanted: Sequence[str]) -> dict[str, str]:
    """The delivery of each origin that a source has delivered."""
    query = select(origins.c.origin, origins.c.delivery_id).where(
        origins.c.source == source, origins.c.origin.in_(wanted)
    )
    return {row.origin: row.delivery_id for row in await conn.execute(query)}


def delivered_as(source: str, wanted: Sequence[str], found: Mapping[str, str]) -> str | None:
    """The delivery that has all these origins, None if they are new. `found` is what `known` says.

    Raises:
        PartlyDelivered: if neither all of them are one delivery nor none was delivered.
    """
    if not found:
        return None
    delivery_ids = sorted(set(found.values()))
    if len(delivery_ids) > 1 or set(found) != set(wanted):
        raise PartlyDelivered(source, delivery_ids)
    return delivery_ids[0]


async def keep(conn: AsyncConnection, source: str, new: Sequence[str], delivery_id: str) -> None:
    """Note what a delivery came from."""
    if new:
        rows = [{"source": source, "origin": origin, "delivery_id": delivery_id} for origin in new]
        await conn.execute(insert(origins), rows)
