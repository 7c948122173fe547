"""The worker: takes deliveries, one at a time per source, from received files to a published record.

Steps, and what a crash right after each one means:

1. **received** (or **released**, by a person): the files are in the archive, the delivery is a row. The next start
   reads the files.
2. read and normalise the files into the spool, and compare them with the rows in force: the spool is half done, the
   next start wipes it and does it again; files and earlier deliveries never change, so the outcome is the same.
3. write the plan and fsync the spool: as after 2.
4. **normalised**: control totals and refused rows are committed; plan and totals are fixed from here on. Held
   deliveries that this one replaces are superseded in the same transaction.
5. **publishing**: nothing is sent before this is committed; the next start publishes from the checkpoint, if it counts
   for the topic that is there (`destination`), else from the first event.
6. publish part after part, noting acknowledged parts now and then, and archive the rows at the same time: events after
   the checkpoint are sent again under the same sequences, which consumers skip; rows are archived anew if not all are.
7. **complete**: after the archive has a note of what comes into force, in one transaction the record goes to the
   outbox, the rows are in force for their scopes, and what older deliveries refused is settled. The next start only
   removes the spool.
8. remove the spool.

A file that can't be taken in ends its delivery in **refused** at step 2, before anything was published. A delivery that
breaks a limit is **held** at step 4 instead: only its report is kept, and nothing of it is published before a person
releases it, which takes it back to step 1. So what is in force then is what it is compared with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa
from aiokafka.errors import KafkaError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake import hold_records, holds, metrics, noting, source_styles, store, withdrawing
from services.intake.archive import Archive
from services.intake.destination import Destination, destination
from services.intake.domain.delivery import UNFINISHED, State
from services.intake.domain.styles import (
    Style,
    check_age,
    check_files_differ,
    delivered_elsewhere,
)
from services.intake.domain.tags import Normalisation
from services.intake.letters import settle_letters
from services.intake.preparing import Preparation, Prepared, Reading, archive_rows, held_scopes
from services.intake.publishing import CostPublisher
from services.intake.quality.assessing import Assessment
from services.intake.records import outgoing_delivery
from services.intake.refusing import REFUSALS, UNREADABLE, why_refused
from services.intake.republishing import Republisher
from services.intake.settling import Settling
from services.intake.spool import Part, Spool
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, STREAM_TABLES
from services.intake.work import Work
from shared import failpoints
from shared.database import try_lock_transaction
from shared.errors import RetryLater
from shared.observability import logger
from shared.outbox import enqueue
from shared.publisher import Publisher
from shared.topics import COSTS
from shared.waking import rest

_IDLE_SECONDS = 0.5
_BACKOFF_SECONDS_MAX = 5.0
_CHECKPOINT_PARTS = 8

log = logger(__name__)


class _Planned(NamedTuple):
    prepared: Prepared
    assessed: Assessment


class Worker:
    """Works on deliveries ; `wake` makes it look for new ones at once; `progress` tells how far it is."""

    def __init__(
        self,
        engine: AsyncEngine,
        archive: Archive,
        settling: Settling,
        bootstrap: str,
        prefix: str,
        threads: int,
        tag_rules: Sequence[Normalisation] = (),
    ) -> None:
        self._engine, self._archive, self._settling, self._bootstrap = engine, archive, settling, bootstrap
        self._prefix, self._threads, self._tag_rules = prefix, threads, tag_rules
        self._republisher = Republisher(engine, archive, prefix)
        self._woken = asyncio.Event()
        self.progress: dict[str, Reading] = {}
        self._published: dict[str, int] = {}

    def wake(self) -> None:
        """Say that there is a new delivery."""
        self._woken.set()

    def published(self, delivery_id: str) -> int:
        """How many events of a delivery under way are acknowledged."""
        return self._published.get(delivery_id, 0)

    async def run(self) -> None:
        """Work until cancelled; outages are waited for, and the delivery goes on from what is committed."""
        backoff = _IDLE_SECONDS
        while True:
            try:
                async with Publisher(self._bootstrap, "intake-costs") as publisher:
                    await self._tidy()
                    while True:
                        if not await self.deliver_next(publisher):
                            await rest(self._woken, _IDLE_SECONDS)
                        backoff = _IDLE_SECONDS
            except (KafkaError, DBAPIError, OSError, RetryLater) as error:
                log.warning("delivering waits", error=str(error), seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _BACKOFF_SECONDS_MAX)

    async def deliver_next(self, publisher: Publisher) -> bool:
        """Take the oldest delivery that no other process works on to its end; False if there is none."""
        async with self._engine.connect() as conn:
            waiting = await store.unfinished(conn)
            metrics.HELD.set(await holds.count(conn))
        for delivery in waiting:
            async with self._engine.begin() as lock:
                if await try_lock_transaction(lock, SERVICE, "source", delivery.source):
                    await self._deliver(delivery.delivery_id, publisher)
                    return True
        return await self._republisher.next(publisher)

    async def _tidy(self) -> None:
        """Remove what a crash after step 7 left, tell and note what nobody was told of, or noted, so far."""
        async with self._engine.begin() as conn:
            await hold_records.make_up_for(conn, self._prefix)
            unnoted = await noting.unnoted(conn, self._archive)
        for complete in unnoted:
            await asyncio.to_thread(noting.note_from_rows, self._archive, complete)
        for delivery_id in await asyncio.to_thread(self._archive.spools):
            async with self._engine.connect() as conn:
                delivery = await store.find(conn, delivery_id)
            if delivery is None or delivery.state not in UNFINISHED:
                await asyncio.to_thread(self._archive.forget_spool, delivery_id)

    async def _deliver(self, delivery_id: str, publisher: Publisher) -> None:
        """Go on from the state that is committed."""
        steps = {
            State.RECEIVED: self._prepare,
            State.RELEASED: self._prepare,
            State.NORMALISED: self._begin,
            State.PUBLISHING: self._publish,
        }
        while (delivery := await self._stored(delivery_id)).state in steps:
            await steps[delivery.state](delivery, publisher)
            await asyncio.to_thread(pa.default_memory_pool().release_unused)  # else each delivery adds to the last
        await asyncio.to_thread(self._archive.forget_spool, delivery_id)
        self.progress.pop(delivery_id, None)
        self._published.pop(delivery_id, None)

    async def _stored(self, delivery_id: str) -> StoredDelivery:
        async with self._engine.connect() as conn:
            delivery = await store.find(conn, delivery_id)
        assert delivery is not None, "deliveries are never deleted"
        return delivery

    async def _prepare(self, delivery: StoredDelivery, publisher: Publisher) -> None:
        partitions = await publisher.partitions(self._prefix + COSTS.name)
        rules = [one for one in self._tag_rules if one.concerns(delivery.source)]
        preparation = Preparation(
            self._archive, delivery.delivery_id, partitions, self._threads, delivery.style, rules,
            delivery.takes_back,
        )  # fmt: skip
        self.progress[delivery.delivery_id] = preparation.reading
        failpoints.reach("intake.received")
        try:
            with preparation, metrics.READ_SECONDS.time():
                prepared, assessed = await self._read_and_plan(delivery, preparation)
        except REFUSALS as error:
            if isinstance(error, UNREADABLE):
                log.exception("unreadable", delivery_id=delivery.delivery_id)
            spool, rows = preparation.spool.directory, preparation.reading.rows
            await self._refuse(delivery, await asyncio.to_thread(why_refused, error, spool, rows))
        else:
            failpoints.reach("intake.planned")
            await self._settling.settle(delivery, preparation, prepared, assessed)

    async def _read_and_plan(self, delivery: StoredDelivery, preparation: Preparation) -> _Planned:
        log.info("delivery begins", delivery_id=delivery.delivery_id, source=delivery.source)
        known = await self._files_known(delivery)
        async with self._engine.connect() as conn:
            newest = await store.newest_in_force(conn, delivery.source)
        scopes = await asyncio.to_thread(preparation.read, delivery.files, known, self._archive.rows_in_force(newest))
        rows, taken_over = preparation.reading.rows, preparation.taken_over
        log.info("delivery read", delivery_id=delivery.delivery_id, rows=rows, taken_over=taken_over)
        failpoints.reach("intake.read")
        if delivery.style is Style.OVERWRITE:
            check_files_differ((one.name, one.sha256, one.rows) for one in preparation.reading.files)
        async with self._engine.connect() as conn:
            if delivery.style is Style.OVERWRITE:
                check_age(delivery.as_of, await source_styles.ages(conn, delivery.source, set(scopes)))
            former = await store.in_force(conn, delivery.source, set(scopes))
            elsewhere = await source_styles.other_sources(conn, delivery.source, delivery.files)
            withdrawn = await withdrawing.noted(conn, delivery)
        in_force = self._archive.rows_in_force(former)
        prepared = await asyncio.to_thread(preparation.plan, in_force)
        prepared.noted.extend([*delivered_elsewhere(elsewhere), *withdrawn])
        return _Planned(prepared, await self._settling.assess(delivery, preparation, prepared, in_force))

    async def _files_known(self, delivery: StoredDelivery) -> set[str]:
        if delivery.style is Style.OVERWRITE:
            return set()
        async with self._engine.connect() as conn:
            return await source_styles.files_in_force(conn, delivery.source, delivery.files)

    async def _refuse(self, delivery: StoredDelivery, error: str) -> None:
        log.warning("delivery refused", delivery_id=delivery.delivery_id, error=error)
        async with self._engine.begin() as conn:
            await store.advance(conn, delivery, State.REFUSED, error=error)
            await hold_records.moved(conn, self._prefix, [delivery.delivery_id], "refused")
        metrics.DELIVERIES.labels(State.REFUSED).inc()

    async def _begin(self, delivery: StoredDelivery, _publisher: Publisher) -> None:
        async with self._engine.begin() as conn:
            await store.advance(conn, delivery, State.PUBLISHING)
        failpoints.reach("intake.publishing")

    async def _publish(self, delivery: StoredDelivery, publisher: Publisher) -> None:
        place = await destination(self._bootstrap, self._prefix + COSTS.name)
        if delivery.parts_published and not place.has_what_came_before(delivery.destination):
            log.warning(
                "published from the first event, because the topic is another", delivery_id=delivery.delivery_id
            )
            delivery = replace(delivery, parts_published=0, events_published=0)
        spool = Spool(self._archive.spool(delivery.delivery_id))
        with Work(spool.database) as work:
            parts, scopes = work.parts(), delivery.takes_back or held_scopes(work, delivery.style)
            archiving = asyncio.to_thread(
                archive_rows, self._archive, delivery.delivery_id, spool, work, parts, delivery.style
            )
            sending = self._send(delivery, CostPublisher(publisher, place.topic), place, spool, work, parts)
            outcomes = await asyncio.gather(archiving, sending, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        await asyncio.to_thread(noting.note, self._archive, delivery, scopes)
        failpoints.reach("intake.published")
        async with self._engine.begin() as conn:
            await store.advance(
                conn, delivery, State.COMPLETE, parts_published=len(parts), events_published=outcomes[1]
            )
            await store.put_in_force(conn, delivery, scopes)
            await settle_letters(conn, delivery)
            await enqueue(conn, STREAM_TABLES.outbox, [outgoing_delivery(delivery, self._prefix)])
        failpoints.reach("intake.completed")
        metrics.DELIVERIES.labels(State.COMPLETE).inc()
        log.info("delivery complete", delivery_id=delivery.delivery_id, events=outcomes[1])

    async def _send(
        self,
        delivery: StoredDelivery,
        costs: CostPublisher,
        place: Destination,
        spool: Spool,
        work: Work,
        parts: Sequence[Part],
    ) -> int:
        """Publish from the checkpoint on; returns how many events the delivery has."""
        parts_done, events_done = delivery.parts_published, delivery.events_published
        published = costs.publish(delivery.delivery_id, spool, work, parts[parts_done:])
        async with aclosing(published):
            async for _part, events in published:
                failpoints.reach("intake.part-published")
                parts_done, events_done = parts_done + 1, events_done + events
                self._published[delivery.delivery_id] = events_done
                metrics.EVENTS.inc(events)
                if parts_done % _CHECKPOINT_PARTS == 0:
                    noted = place.after(events_done - delivery.events_published)
                    await self._checkpoint(delivery, parts_done, events_done, noted)
        return events_done

    async def _checkpoint(self, delivery: StoredDelivery, parts: int, events: int, noted: dict[str, Any]) -> None:
        async with self._engine.begin() as conn:
            await store.checkpoint(conn, delivery.delivery_id, parts, events, noted)
        failpoints.reach("intake.checkpointed")
