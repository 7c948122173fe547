"""Consuming from Kafka: one batch is one database transaction, and the offset is only a hint.

The one place that knows FastStream. What a handler does in its transaction must be idempotent by itself (sequences,
revisions): Kafka may deliver any record again.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import KafkaAckableMessage
from sqlalchemy import BigInteger, Column, Integer, MetaData, Select, Table, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import dead_letters, failpoints
from shared.batch import Batch
from shared.errors import RetryLater
from shared.observability import BATCH_SECONDS, BATCHES, EVENTS, LAG, RETRIES, STOPPED, logger
from shared.outbox import enqueue

Record: TypeAlias = ConsumerRecord
_BACKOFF_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_POLL_AGE_SECONDS_MAX = 30.0

log = logger(__name__)


Handler = Callable[[AsyncConnection, Batch], Awaitable[None]]


class PartitionsRevoked(RetryLater):
    """The group gave a partition of this batch to another process while it was being handled."""


def positions_table(tables: MetaData) -> Table:
    """Declare where a service keeps how far it has processed each partition, in the transaction of the effects."""
    return Table(
        "positions",
        tables,
        Column("stream", Text, primary_key=True),
        Column("topic", Text, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("next_offset", BigInteger, nullable=False),
    )


class StreamTables:
    """The tables that a consuming service shares among its streams: positions, dead letters, outbox."""

    def __init__(self, positions: Table, letters: Table, outbox: Table) -> None:
        self.positions, self.letters, self.outbox = positions, letters, outbox


class Stream(ConsumerRebalanceListener):  # type: ignore[misc]
    """One consumer group on some topics.

    Args:
        name: unique in the service; with the prefix and the service it makes the consumer group.
        fatal: called with an unexpected error; the process is meant to end.
        instance: with it the membership is static: a killed process that comes back takes its partitions over at
            once, instead of after the session timeout.
    """

    def __init__(
        self,
        *,
        broker: KafkaBroker,
        engine: AsyncEngine,
        tables: StreamTables,
        service: str,
        name: str,
        prefix: str,
        topics: Sequence[str],
        handler: Handler,
        fatal: Callable[[BaseException], None],
        batch_records_max: int = 5_000,
        instance: str = "",
        session_timeout_ms: int = 45_000,
    ) -> None:
        self.name, self.topics = name, [prefix + topic for topic in topics]
        self._engine, self._tables, self._service, self._handler = engine, tables, service, handler
        self._fatal = fatal
        self._revocations = 0
        self._joined = False
        self.stopped: dict[TopicPartition, str] = {}
        self.subscriber = broker.subscriber(
            *self.topics,
            batch=True,
            group_id=f"{prefix}{service}.{name}",
            group_instance_id=f"{service}.{name}.{instance}" if instance else None,
            ack_policy=AckPolicy.MANUAL,
            parser=self._parse,
            decoder=_keep_bytes,
            auto_offset_reset="earliest",
            max_records=batch_records_max,
            batch_timeout_ms=100,
            fetch_max_wait_ms=100,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=max(session_timeout_ms // 15, 500),
            rebalance_timeout_ms=120_000,
            max_poll_interval_ms=600_000,
            listener=self,
            no_reply=True,
        )
        self.subscriber(self._consume)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let a batch in flight roll back: its partitions may already be read elsewhere."""
        self._revocations += 1
        for partition in revoked:
            self.stopped.pop(partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Go on where the database says: its position was written with the effects, Kafka's offset after them.

        So a database that was restored from a backup reads again what it has lost.
        """
        for partition, offset in (await self._positions(assigned)).items():
            self.subscriber.consumer.seek(partition, offset)  # type: ignore[union-attr]
        self._joined = True
        log.info(
            "partitions assigned", stream=self.name, partitions=sorted(f"{p.topic}/{p.partition}" for p in assigned)
        )

    async def _positions(self, assigned: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Stored position of each partition; one that was never read begins at its start."""
        table = self._tables.positions
        query = select(table.c.topic, table.c.partition, table.c.next_offset).where(table.c.stream == self.name)
        known = {TopicPartition(topic, partition): offset for topic, partition, offset in await self._patiently(query)}
        return {partition: known.get(partition, 0) for partition in assigned}

    async def _patiently(self, query: Select[Any]) -> Sequence[Any]:
        for attempt in itertools.count():
            try:
                async with self._engine.connect() as conn:
                    rows: Sequence[Any] = (await conn.execute(query)).all()
                    return rows
            except (DBAPIError, OSError) as error:
                await self._back_off(attempt, error)
        raise AssertionError("counted to the end of all numbers")

    def not_ready(self) -> str | None:
        """Why this stream is not consuming, or None: assignment held, polled lately, no partition stopped."""
        consumer = self.subscriber.consumer
        if consumer is None or not self._joined:
            return f"{self.name}: no partitions assigned yet"
        for partition in consumer.assignment():
            polled_ms = consumer.last_poll_timestamp(partition)
            if polled_ms and time.time() - polled_ms / 1000 > _POLL_AGE_SECONDS_MAX:
                return f"{self.name}: {partition.topic}/{partition.partition} was last polled at {polled_ms} ms"
        return next((f"{self.name}: {reason}" for reason in self.stopped.values()), None)

    def polled_at(self) -> float | None:
        """When partitions were last polled, seconds since the epoch."""
        consumer = self.subscriber.consumer
        polled = [consumer.last_poll_timestamp(p) or 0 for p in consumer.assignment()] if consumer else []
        return max(polled) / 1000 if polled else None

    async def _parse(self, records: tuple[Record, ...]) -> KafkaMessage:
        """Wrap a batch without FastStream's per-record work: headers are read where somebody needs them."""
        first, last = records[0], records[-1]
        return KafkaAckableMessage(
            raw_message=records,
            body=b"",
            message_id=f"{first.topic}/{first.partition}/{first.offset}-{last.topic}/{last.partition}/{last.offset}",
            consumer=self.subscriber.consumer,
        )

    async def _consume(self, _body: Any, message: KafkaMessage) -> None:
        """Take one polled batch.

        1. records polled;  2. transaction begun;  3. effects, positions, dead letters and outbox written;
        4. committed;  5. Kafka offset committed.
        A crash before 4 leaves nothing behind, and the records come again. A crash between 4 and 5 makes them come
        again too, and the handler skips them by sequence or revision.
        """
        records: Sequence[Record] = message.raw_message
        failpoints.reach(f"{self._service}.{self.name}.polled")
        try:
            batch = await self._until_committed(records)
        except PartitionsRevoked as error:
            log.warning("batch given up", stream=self.name, reason=str(error))
            return
        except Exception as error:  # a Bug family error, or one that nobody foresaw: never skip the records
            log.critical("stream failed", stream=self.name, exc_info=error)
            self._fatal(error)
            await asyncio.Event().wait()
            return
        await self._commit_offsets(message.consumer, batch)

    async def _until_committed(self, records: Sequence[Record]) -> Batch:
        revocations, attempt = self._revocations, 0
        while True:
            try:
                return await self._transaction(records, revocations)
            except PartitionsRevoked:
                raise
            except (RetryLater, InterfaceError, OSError) as error:
                await self._back_off(attempt, error)
            except DBAPIError as error:
                if not _is_outage(error):
                    raise
                await self._back_off(attempt, error)
            attempt += 1

    async def _back_off(self, attempt: int, error: Exception) -> None:
        seconds = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
        for topic in self.topics:
            RETRIES.labels(self._service, topic).inc()
        log.warning("batch rolled back, trying again", stream=self.name, seconds=seconds, error=str(error)[:500])
        await asyncio.sleep(seconds)

    async def _transaction(self, records: Sequence[Record], revocations: int) -> Batch:
        started = time.monotonic()
        batch = Batch(records)
        async with self._engine.begin() as conn:
            await self._handler(conn, batch)
            await self._keep_rejected(conn, batch)
            await self._keep_positions(conn, batch)
            failpoints.reach(f"{self._service}.{self.name}.written")
            if self._revocations != revocations:
                raise PartitionsRevoked(f"partitions of {self.name} were revoked")
        failpoints.reach(f"{self._service}.{self.name}.committed")
        self._measure(batch, time.monotonic() - started)
        return batch

    async def _keep_rejected(self, conn: AsyncConnection, batch: Batch) -> None:
        if batch.rejected:
            new = await dead_letters.record(conn, self._tables.letters, batch.rejected)
            await enqueue(conn, self._tables.outbox, [letter.announcement(self._service) for letter in new])
            for letter in batch.rejected:
                log.error("record rejected", topic=letter.topic, partition=letter.partition, offset=letter.offset,
                          code=letter.code, reason=letter.message)  # fmt: skip

    async def _keep_positions(self, conn: AsyncConnection, batch: Batch) -> None:
        positions = self._tables.positions
        rows = [
            {"stream": self.name, "topic": p.topic, "partition": p.partition, "next_offset": offset}
            for p, offset in _next_offsets(batch).items()
        ]
        statement = insert(positions)
        await conn.execute(
            statement.on_conflict_do_update(
                index_elements=["stream", "topic", "partition"], set_={"next_offset": statement.excluded.next_offset}
            ),
            rows,
        )

    async def _commit_offsets(self, consumer: Any, batch: Batch) -> None:
        for partition, (offset, reason) in batch.stopped.items():
            consumer.pause(partition)
            consumer.seek(partition, offset)
            self.stopped[partition] = reason
            STOPPED.labels(self._service, partition.topic).set(len(self.stopped))
            log.critical("partition stopped", stream=self.name, topic=partition.topic, partition=partition.partition,
                         offset=offset, reason=reason)  # fmt: skip
        try:
            await consumer.commit(_next_offsets(batch))
        except KafkaError as error:
            log.warning("offset not committed; the records will be skipped when they come again", error=str(error))
        self._measure_lag(consumer, batch)

    def _measure(self, batch: Batch, seconds: float) -> None:
        for topic, count in Counter(map(attrgetter("topic"), batch.records)).items():
            EVENTS.labels(self._service, topic).inc(count)
            BATCHES.labels(self._service, topic).inc()
            BATCH_SECONDS.labels(self._service, topic).observe(seconds)

    def _measure_lag(self, consumer: Any, batch: Batch) -> None:
        for partition, offset in _next_offsets(batch).items():
            end = consumer.highwater(partition)
            if end is not None:
                LAG.labels(self._service, partition.topic, str(partition.partition)).set(max(end - offset, 0))


async def _keep_bytes(_message: Any) -> None:
    """Skip FastStream's guessing decoder: handlers read the raw bytes, typed, once."""


def _next_offsets(batch: Batch) -> dict[TopicPartition, int]:
    """Where each partition goes on: after its last record, or at the record it stopped at."""
    ends = {(record.topic, record.partition): record.offset + 1 for record in batch.records}
    offsets = {TopicPartition(*place): offset for place, offset in ends.items()}
    return offsets | {partition: offset for partition, (offset, _) in batch.stopped.items()}


def _is_outage(error: DBAPIError) -> bool:
    """Whether waiting can help: connection lost, server shutting down, serialisation or deadlock."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or state[:2] in {"08", "57", "40", "53", "58"} or not state
