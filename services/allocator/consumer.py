"""Kafka in: the records of deliveries and period states, each of which asks for a run."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.store import records, requests
from shared import topics
from shared.batch import Batch
from shared.errors import Reject
from shared.events import Delivery, Period
from shared.reading import read

TOPICS: Final = (topics.DELIVERIES.name, topics.PERIODS.name)


class RecordReader:
    """Handles batches of records; `prefix` is what this cluster puts before topic names."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def __call__(self, conn: AsyncConnection, batch: Batch) -> None:
        """Apply a batch by id and revision; what can't be accepted goes to the dead letters."""
        for record in batch.records:
            try:
                if record.topic.removeprefix(self._prefix) == topics.DELIVERIES.name:
                    await _delivery(conn, read(Delivery, record))
                else:
                    await _period(conn, read(Period, record))
            except Reject as error:
                batch.reject(record, error.code, str(error))


async def _delivery(conn: AsyncConnection, delivery: Delivery) -> None:
    if await records.keep_delivery(conn, delivery):
        await requests.add(conn, records.periods_of(delivery))


async def _period(conn: AsyncConnection, period: Period) -> None:
    if await records.keep_period(conn, period):
        await requests.add(conn, [period.billing_period])
