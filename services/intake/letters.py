"""Settling what deliveries refused, once later ones of their source bring it. In the caller's transaction."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.store import StoredDelivery
from services.intake.tables import STREAM_TABLES, deliveries
from shared import dead_letters
from shared.events import Delivery, decode
from shared.rejections import answered

_Place = tuple[str, str | None, str | None]
"""Delivery, payer and period that refused rows belong to."""


async def settle_letters(conn: AsyncConnection, delivery: StoredDelivery) -> None:
    """Settle the refused rows of a source's older deliveries that this one, with those in between, answers for."""
    letters = await _open(conn, delivery)
    if not letters:
        return
    records = await _records(conn, delivery)
    settled = []
    for (delivery_id, account, period), ids in letters.items():
        earlier = records[delivery_id]
        later = [one for one in records.values() if one.ordinal > earlier.ordinal]
        if answered(earlier, account, period, later):
            settled += ids
    if settled:
        await dead_letters.settle(conn, STREAM_TABLES.letters, settled, "superseded")


async def _open(conn: AsyncConnection, delivery: StoredDelivery) -> dict[_Place, list[str]]:
    letters = STREAM_TABLES.letters
    query = select(letters.c.dead_letter_id, letters.c.place, letters.c.billing_period).where(
        letters.c.state == "open",
        letters.c.place["source"].astext == delivery.source,
        letters.c.place["delivery"].astext != delivery.delivery_id,
    )
    found: dict[_Place, list[str]] = defaultdict(list)
    for letter_id, place, period in await conn.execute(query):
        found[place["delivery"], place.get("billing_account_id"), period].append(letter_id)
    return found


async def _records(conn: AsyncConnection, delivery: StoredDelivery) -> dict[str, Delivery]:
    """The source's deliveries up to this one, as they say it themselves."""
    query = select(deliveries.c.record).where(
        deliveries.c.source == delivery.source,
        deliveries.c.ordinal <= delivery.ordinal,
        deliveries.c.record.is_not(None),
    )
    decoded = [decode(Delivery, record) for record in (await conn.execute(query)).scalars()]
    return {one.delivery_id: one for one in decoded}
