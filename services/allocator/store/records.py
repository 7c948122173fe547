"""Deliveries and period states as they came: applied by id and revision, the same content only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.store.tables import deliveries, periods
from shared.errors import Conflict
from shared.events import Delivery, Period, content_hash, decode, encode


async def keep_delivery(conn: AsyncConnection, delivery: Delivery) -> bool:
    """Keep a delivery's record; whether it was new.

    Raises:
        Conflict: if the delivery is known with other content.
    """
    body = encode(delivery)
    row = {"delivery_id": delivery.delivery_id, "content_hash": content_hash(body), "body": body}
    known = await _known_hash(conn, deliveries, deliveries.c.delivery_id == delivery.delivery_id)
    if known is not None and known != row["content_hash"]:
        raise Conflict("delivery", delivery.delivery_id, 1)
    await conn.execute(insert(deliveries).values(row).on_conflict_do_nothing())
    return known is None


async def keep_period(conn: AsyncConnection, period: Period) -> bool:
    """Keep the newest state of a billing period; whether this one is newer than what was known.

    Raises:
        Conflict: if the revision is known with other content.
    """
    body = encode(period)
    query = select(periods).where(periods.c.billing_period == period.billing_period).with_for_update()
    known = (await conn.execute(query)).one_or_none()
    if known is not None and known.revision >= period.revision:
        if known.revision == period.revision and known.content_hash != content_hash(body):
            raise Conflict("period", period.billing_period, period.revision)
        return False
    row: dict[str, Any] = {
        "billing_period": period.billing_period, "revision": period.revision, "content_hash": content_hash(body),
        "state": period.state, "body": body,
    }  # fmt: skip
    await conn.execute(insert(periods).values(row).on_conflict_do_update(index_elements=["billing_period"], set_=row))
    return True


async def period(conn: AsyncConnection, billing_period: str) -> Period | None:
    """The newest known state of a billing period; None while nobody said anything about it."""
    body = await conn.scalar(select(periods.c.body).where(periods.c.billing_period == billing_period))
    return None if body is None else decode(Period, body)


async def all_deliveries(conn: AsyncConnection) -> list[Delivery]:
    """Every delivery whose record arrived, by id."""
    bodies = await conn.scalars(select(deliveries.c.body).order_by(deliveries.c.delivery_id))
    return [decode(Delivery, body) for body in bodies]


def concerning(deliveries_known: Sequence[Delivery], billing_period: str) -> list[Delivery]:
    """The deliveries that published or hold rows of a billing period."""
    return [
        delivery
        for delivery in deliveries_known
        if any(total.billing_period == billing_period for total in (*delivery.published, *delivery.snapshot))
    ]


def periods_of(delivery: Delivery) -> set[str]:
    """The billing periods that a delivery concerns."""
    return {total.billing_period for total in (*delivery.published, *delivery.snapshot)}


async def _known_hash(conn: AsyncConnection, table: Table, where: Any) -> str | None:
    known: str | None = await conn.scalar(select(table.c.content_hash).where(where))
    return known
