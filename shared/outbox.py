"""The outbox: what a transaction wants published is written in that transaction, and relayed after it.

A row holds up to `CHUNK_RECORDS` records of one topic, so that an allocation run of 100,000 lines is a hundred rows and
not a hundred thousand. Relaying is at least once; every consumer applies records by id and revision or by content.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import msgspec
from aiokafka.errors import KafkaError
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    event,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import failpoints
from shared.database import try_lock_transaction
from shared.observability import OUTBOX_AGE, OUTBOX_RECORDS, logger
from shared.publisher import Outgoing, Publisher
from shared.waking import rest

CHUNK_RECORDS = 1_000
_ROWS_PER_PASS = 10
_IDLE_SECONDS = 1.0
"""How soon the relay looks by itself. What its own process commits wakes it; this is for what another one left."""

_BACKOFF_SECONDS = 0.1
_BACKOFF_SECONDS_MAX = 5.0
_WRITTEN = "written to the outbox"

log = logger(__name__)


def outbox_table(tables: MetaData) -> Table:
    """Declare a service's outbox in its schema."""
    return Table(
        "outbox",
        tables,
        Column("id", BigInteger, primary_key=True, autoincrement=True),
        Column("topic", Text, nullable=False),
        Column("records", LargeBinary, nullable=False, comment="msgpack list of outgoing records"),
        Column("record_count", Integer, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    )


async def enqueue(conn: AsyncConnection, outbox: Table, records: Iterable[Outgoing]) -> None:
    """Write records to the outbox in the caller's transaction; order is kept per topic."""
    by_topic: dict[str, list[Outgoing]] = {}
    for record in records:
        by_topic.setdefault(record.topic, []).append(record)
    rows = [
        {"topic": topic, "records": msgspec.msgpack.encode(chunk), "record_count": len(chunk)}
        for topic, group in by_topic.items()
        for chunk in _chunks(group)
    ]
    if rows:
        await conn.execute(outbox.insert(), rows)
        conn.info[_WRITTEN] = True


async def unpublished(conn: AsyncConnection, outbox: Table, topic: str) -> set[bytes]:
    """The keys of a topic's records that are committed and not yet known to be published."""
    rows = await conn.execute(select(outbox.c.records).where(outbox.c.topic == topic))
    return {one.key for row in rows for one in msgspec.msgpack.decode(row.records, type=list[Outgoing])}


def _chunks(records: list[Outgoing]) -> Iterable[list[Outgoing]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, CHUNK_RECORDS)):
        yield chunk


class OutboxRelay:
    """Publishes a service's outbox in order; of several processes, one at a time.

    1. take the relay lock and read the oldest rows;  2. publish and wait for every acknowledgement;
    3. delete the rows;  4. commit.
    A crash before 4 publishes the same records again, which is harmless by contract.
    """

    def __init__(self, engine: AsyncEngine, outbox: Table, bootstrap: str, service: str) -> None:
        self._engine, self._outbox, self._bootstrap, self._service = engine, outbox, bootstrap, service
        self._woken = asyncio.Event()
        # SQLAlchemy tells of a commit before it happens; the connection comes back to the pool after it.
        event.listen(engine.sync_engine, "checkin", self._connection_is_back)

    async def run(self) -> None:
        """Relay until cancelled. The producer is made anew after any failure: a broken sequence never heals."""
        backoff = _BACKOFF_SECONDS
        while True:
            try:
                async with Publisher(self._bootstrap, f"{self._service}-outbox") as publisher, self._looking() as look:
                    while True:
                        sent = await self.relay_once(publisher) if await self._waiting(look) else 0
                        backoff = _BACKOFF_SECONDS
                        if not sent:
                            await rest(self._woken, _IDLE_SECONDS)
            except (KafkaError, DBAPIError, OSError) as error:
                log.warning("outbox relay waits", error=str(error), seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _BACKOFF_SECONDS_MAX)

    async def relay_once(self, publisher: Publisher) -> int:
        """Publish the oldest rows; returns how many records went out."""
        async with self._engine.begin() as conn:
            if not await try_lock_transaction(conn, self._service, "outbox"):
                return 0
            oldest = select(self._outbox).order_by(self._outbox.c.id).limit(_ROWS_PER_PASS)
            rows = (await conn.execute(oldest)).all()
            records = [record for row in rows for record in msgspec.msgpack.decode(row.records, type=list[Outgoing])]
            if rows:
                await publisher.publish(records)
                failpoints.reach(f"{self._service}.outbox.published")
                await conn.execute(delete(self._outbox).where(self._outbox.c.id.in_([row.id for row in rows])))
        return len(records)

    def _connection_is_back(self, _connection: object, record: Any) -> None:
        if record.info.pop(_WRITTEN, False):
            self._woken.set()

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[AsyncConnection]:
        """A connection kept for looking, without transactions: taking one from the pool each time costs more."""
        async with self._engine.connect() as conn:
            yield await conn.execution_options(isolation_level="AUTOCOMMIT")

    async def _waiting(self, conn: AsyncConnection) -> int:
        """How many records wait, measured on the way."""
        age = func.extract("epoch", func.clock_timestamp() - func.min(self._outbox.c.created_at))
        waiting = select(func.coalesce(func.sum(self._outbox.c.record_count), 0), func.coalesce(age, 0))
        records, seconds = (await conn.execute(waiting)).one()
        OUTBOX_RECORDS.labels(self._service).set(records)
        OUTBOX_AGE.labels(self._service).set(seconds)
        return int(records)
