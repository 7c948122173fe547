"""How far a lens has come: what its own tables hold against what the deliveries' records say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.store.tables import COSTS
from shared.events import Delivery
from shared.money import text

Sums = tuple[int, Decimal, Decimal]
"""Events, billed cost, effective cost."""


async def missing(conn: AsyncConnection, lens_id: str, deliveries: Sequence[Delivery]) -> str | None:
    """The first thing that a lens lacks of some deliveries, in words; None if it agrees with all their totals."""
    ids = [delivery.delivery_id for delivery in deliveries]
    counts = await _counts(conn, lens_id, ids)
    for delivery in deliveries:
        for partition, expected in enumerate(delivery.partition_events):
            have = counts.get((delivery.delivery_id, partition), 0)
            if have != expected:
                return f"delivery {delivery.delivery_id}: partition {partition} has {have} of {expected} events"
    sums = await _sums(conn, lens_id, ids)
    return next((reason for delivery in deliveries if (reason := _differing(delivery, sums))), None)


def _differing(delivery: Delivery, sums: dict[tuple[str, str, str], Sums]) -> str | None:
    for total in delivery.published:
        have = sums.get((delivery.delivery_id, total.billing_period, total.currency), (0, Decimal(0), Decimal(0)))
        if have != (total.events, total.billed_cost, total.effective_cost):
            return (
                f"delivery {delivery.delivery_id}: {total.billing_period} {total.currency} has {have[0]} events, "
                f"{text(have[1])} billed, {text(have[2])} effective, and should have {total.events}, "
                f"{text(total.billed_cost)}, {text(total.effective_cost)}; look at the dead letters"
            )
    return None


def published(deliveries: Sequence[Delivery], billing_period: str) -> dict[str, Sums]:
    """What some deliveries published for a billing period, by currency."""
    sums: dict[str, Sums] = defaultdict(lambda: (0, Decimal(0), Decimal(0)))
    for delivery in deliveries:
        for total in delivery.published:
            if total.billing_period == billing_period and total.events:
                events, billed, effective = sums[total.currency]
                sums[total.currency] = (
                    events + total.events, billed + total.billed_cost, effective + total.effective_cost
                )  # fmt: skip
    return dict(sums)


async def _counts(conn: AsyncConnection, lens_id: str, ids: Sequence[str]) -> dict[tuple[str, int], int]:
    c = COSTS.progress.c
    query = select(c.delivery_id, c.partition, c.next_sequence).where(c.stream == lens_id, c.delivery_id.in_(ids))
    return {(row[0], row[1]): row[2] for row in await conn.execute(query)}


async def _sums(conn: AsyncConnection, lens_id: str, ids: Sequence[str]) -> dict[tuple[str, str, str], Sums]:
    c = COSTS.sums.c
    key = (c.delivery_id, c.billing_period, c.currency)
    query = select(*key, func.sum(c.events), func.sum(c.billed_cost), func.sum(c.effective_cost)).group_by(*key)
    rows = await conn.execute(query.where(c.stream == lens_id, c.delivery_id.in_(ids)))
    return {(row[0], row[1], row[2]): (int(row[3]), row[4], row[5]) for row in rows}
