"""Publishing to Kafka: acknowledged by all replicas, idempotent, and always to a chosen partition.

Records are packed into whole batches per partition. That is three times as fast as sending them one by one, and it
keeps the partition explicit: a keyed batch without one is scattered at random by the client.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

BATCH_BYTES_MAX = 1 << 20
"""How much is sent at once; a larger record travels alone."""

RECORD_BYTES_MAX = 7 << 20
"""The largest record; brokers and the topics concerned allow `MESSAGE_BYTES_MAX` for it and its frame."""

MESSAGE_BYTES_MAX = 8 << 20
_IN_FLIGHT_MAX = 5

Headers = tuple[tuple[str, bytes], ...]


class Outgoing(NamedTuple):
    """A record to publish. `partition_key` decides the partition; it is the key itself unless said otherwise."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()
    partition_key: bytes | None = None


def cloud_event_headers(event_type: str, event_id: str, service: str, subject: str = "") -> Headers:
    """CloudEvents 1.0 attributes in Kafka's binary mode; `ce_source` and `ce_id` together are unique."""
    attributes = {
        "ce_specversion": "1.0", "ce_type": event_type, "ce_source": f"/apportion/{service}", "ce_id": event_id,
        "content-type": "application/json",
    }  # fmt: skip
    if subject:
        attributes["ce_subject"] = subject
    return tuple((name, value.encode()) for name, value in attributes.items())


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's own clients choose for a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Publisher:
    """An idempotent producer with `acks=all`. Recreate it after a failure: a broken sequence never heals."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap, self._client_id = bootstrap, client_id
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            acks="all",
            compression_type="zstd",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=MESSAGE_BYTES_MAX,
            request_timeout_ms=30_000,
        )
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await self._producer.stop()

    @property
    def producer(self) -> AIOKafkaProducer:
        """The started producer, for callers that build their own batches."""
        if self._producer is None:
            raise RuntimeError("the publisher is not started")
        return self._producer

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self.producer.partitions_for(topic))

    async def publish(self, records: Iterable[Outgoing]) -> None:
        """Send records and wait until every one is acknowledged; order is kept within a partition."""
        groups: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        counts: dict[str, int] = {}
        for record in records:
            if record.topic not in counts:
                counts[record.topic] = await self.partitions(record.topic)
            key = record.key if record.partition_key is None else record.partition_key
            groups[record.topic, partition_of(key, counts[record.topic])].append(record)
        await asyncio.gather(*(self._send(topic, partition, group) for (topic, partition), group in groups.items()))

    async def _send(self, topic: str, partition: int, records: list[Outgoing]) -> None:
        waiting: list[asyncio.Future[object]] = []
        batch = self.producer.create_batch()
        for record in records:
            if len(record.value) > RECORD_BYTES_MAX:
                raise RecordTooLarge(topic, record.key, len(record.value))
            if not self._append(batch, record):
                waiting.append(await self.producer.send_batch(batch, topic, partition=partition))
                batch = self.producer.create_batch()
                self._append(batch, record)
            if len(waiting) >= _IN_FLIGHT_MAX:
                await waiting.pop(0)
        waiting.append(await self.producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*waiting)

    @staticmethod
    def _append(batch: BatchBuilder, record: Outgoing) -> bool:
        added = batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
        return added is not None


class RecordTooLarge(ValueError):
    """A single record is larger than the topics take."""

    def __init__(self, topic: str, key: bytes, size: int) -> None:
        self.topic, self.key, self.size = topic, key, size
        super().__init__(f"record {key!r} for {topic} has {size} bytes; {RECORD_BYTES_MAX} is the most")
