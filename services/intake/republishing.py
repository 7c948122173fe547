"""Publishing again on a cluster that has lost its topics, or never had them.

Every delivery goes out under its own id with the events it had, under their numbers, and with its record, byte for
byte. A consumer with an empty database adds them all up; one that has them skips each of them by its number. So nothing
has to know whether it is spoken to for the first or for the second time.

1. asked: deliveries are marked, provider invoices and what is known of holds are in the outbox; a delivery that is
   being published is marked too and is published again when it is complete, because a part of it may have gone to the
   topics before;
2. a source at a time, under the lock that its deliveries are worked on: each marked delivery is made anew from the
   archive, published, and its record goes to the outbox in the transaction that removes the mark.

A crash anywhere leaves the mark, and the delivery is published once more.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake import hold_records, provider_invoices, store
from services.intake.archive import Archive
from services.intake.domain.delivery import Scope, State
from services.intake.domain.styles import Style
from services.intake.publishing import CostPublisher
from services.intake.records import outgoing_delivery
from services.intake.remaking import NotRemade, remake, scopes_of
from services.intake.spool import Spool
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, STREAM_TABLES, deliveries
from services.intake.work import Work
from shared import failpoints
from shared.archive import RowsInForce
from shared.database import try_lock_transaction
from shared.events import Delivery, decode
from shared.observability import logger
from shared.outbox import enqueue
from shared.publisher import Publisher
from shared.topics import COSTS

ASKED = "asked"
_WAITING = and_(deliveries.c.republish == ASKED, deliveries.c.state == State.COMPLETE)

log = logger(__name__)


async def ask(conn: AsyncConnection, prefix: str, source: str | None, periods: Collection[str]) -> dict[str, int]:
    """Mark deliveries to be published again, publish holds and provider invoices again; returns how many of each.

    Args:
        source: only this one's, and then no provider invoices, which belong to no source.
        periods: only deliveries that concern one of them (each goes out whole), and their invoices; empty for all.
    """
    query = select(deliveries.c.delivery_id, deliveries.c.record).where(
        deliveries.c.state.in_([State.PUBLISHING, State.COMPLETE])
    )
    if source is not None:
        query = query.where(deliveries.c.source == source)
    wanted = [row.delivery_id for row in await conn.execute(query) if not periods or _concerns(row.record, periods)]
    for delivery_id in wanted:
        await conn.execute(update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(republish=ASKED))
    invoices = 0 if source is not None else await provider_invoices.publish_again(conn, prefix, periods)
    holds = await hold_records.publish_again(conn, prefix, source, periods)
    return {"deliveries": len(wanted), "provider_invoices": invoices, "holds": holds}


async def status(conn: AsyncConnection) -> dict[str, object]:
    """How many deliveries wait to be published again, and which ones could not be."""
    query = select(deliveries.c.delivery_id, deliveries.c.republish).where(deliveries.c.republish.is_not(None))
    rows = (await conn.execute(query.order_by(deliveries.c.source, deliveries.c.ordinal))).all()
    failed = [{"delivery_id": row.delivery_id, "error": row.republish} for row in rows if row.republish != ASKED]
    return {"waiting": len(rows) - len(failed), "failed": failed}


class Republisher:
    """Publishes marked deliveries again."""

    def __init__(self, engine: AsyncEngine, archive: Archive, prefix: str) -> None:
        self._engine, self._archive, self._prefix = engine, archive, prefix

    async def next(self, publisher: Publisher) -> bool:
        """Serve one source that no other process works on; False if there is none."""
        async with self._engine.connect() as conn:
            query = select(deliveries.c.source).distinct().where(_WAITING)
            sources = sorted((await conn.execute(query)).scalars())
        for source in sources:
            async with self._engine.begin() as lock:
                if await try_lock_transaction(lock, SERVICE, "source", source):
                    await self._source(source, publisher)
                    return True
        return False

    async def _source(self, source: str, publisher: Publisher) -> None:
        async with aclosing(self._history(source)) as history:  # type: ignore[type-var]
            async for delivery, former in history:
                await self._again(delivery, former, publisher)

    async def _history(self, source: str) -> AsyncIterator[tuple[StoredDelivery, list[RowsInForce]]]:
        """The marked deliveries of a source, each with what was in force for its scopes before it."""
        async with self._engine.connect() as conn:
            marked = await _marked(conn, source)
            known = await store.completed(conn, source)
        in_force: dict[Scope, list[str]] = defaultdict(list)
        for delivery in known:
            scopes = await asyncio.to_thread(scopes_of, self._archive, delivery)
            if delivery.delivery_id in marked:
                yield delivery, self._former(in_force, scopes)
            for scope in scopes:
                kept = in_force[scope] if delivery.style is Style.APPEND else []
                in_force[scope] = kept if delivery.withdraws is not None else [*kept, delivery.delivery_id]

    def _former(self, in_force: dict[Scope, list[str]], scopes: list[Scope]) -> list[RowsInForce]:
        payers: dict[tuple[str, str], list[str]] = defaultdict(list)
        for scope in scopes:
            for delivery_id in in_force.get(scope, []):
                payers[delivery_id, scope.billing_period].append(scope.billing_account_id)
        return [RowsInForce(self._archive.rows(*place), tuple(accounts)) for place, accounts in sorted(payers.items())]

    async def _again(self, delivery: StoredDelivery, former: list[RowsInForce], publisher: Publisher) -> None:
        assert delivery.record is not None, "a published delivery has its record"
        record, topic = decode(Delivery, delivery.record), self._prefix + COSTS.name
        try:
            spool = await asyncio.to_thread(remake, self._archive, record, former, await publisher.partitions(topic))
        except NotRemade as error:
            log.exception("delivery not published again", delivery_id=delivery.delivery_id)
            async with self._engine.begin() as conn:
                await _mark(conn, delivery.delivery_id, str(error))
            return
        await self._send(delivery.delivery_id, spool, CostPublisher(publisher, topic))
        failpoints.reach("intake.republished")
        async with self._engine.begin() as conn:
            await _mark(conn, delivery.delivery_id, None)
            await enqueue(conn, STREAM_TABLES.outbox, [outgoing_delivery(delivery, self._prefix)])
        await asyncio.to_thread(self._archive.forget_spool, spool.directory.name)
        log.info("delivery published again", delivery_id=delivery.delivery_id)

    async def _send(self, delivery_id: str, spool: Spool, costs: CostPublisher) -> None:
        with Work(spool.database) as work:
            published = costs.publish(delivery_id, spool, work, work.parts())
            async with aclosing(published):
                async for _ in published:
                    failpoints.reach("intake.part-republished")


async def _marked(conn: AsyncConnection, source: str) -> set[str]:
    query = select(deliveries.c.delivery_id).where(deliveries.c.source == source, _WAITING)
    return set((await conn.execute(query)).scalars())


async def _mark(conn: AsyncConnection, delivery_id: str, mark: str | None) -> None:
    await conn.execute(update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(republish=mark))


def _concerns(record: bytes, periods: Collection[str]) -> bool:
    delivery = decode(Delivery, record)
    return any(totals.billing_period in periods for totals in (*delivery.published, *delivery.snapshot))
