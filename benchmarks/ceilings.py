"""The raw ceilings: what the client library does with the same bytes when nothing else is asked of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.publisher import Publisher

Records = list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]]
"""(key, value, headers) of a partition, as they stand on the topic."""

Recorded = dict[int, Records]


async def record(bootstrap: str, topic: str, partitions: int, events_max: int) -> Recorded:
    """Read some of a topic back, to produce the very same bytes again."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=8 << 20)
    await consumer.start()
    recorded: Recorded = {partition: [] for partition in range(partitions)}
    try:
        places = [TopicPartition(topic, partition) for partition in recorded]
        ends = await consumer.end_offsets(places)
        wanted = min(events_max, sum(ends.values()))
        consumer.assign(places)
        await consumer.seek_to_beginning()
        read = 0
        while read < wanted:
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                recorded[place.partition] += [(r.key, r.value, list(r.headers)) for r in records]
                read += len(records)
    finally:
        await consumer.stop()
    return recorded


Produce = Callable[[Publisher, str, int, Records], Awaitable[None]]
"""A way to produce records to a partition of a topic until all are acknowledged."""

_UNACKNOWLEDGED_MAX = 2_000


async def produce(bootstrap: str, topic: str, recorded: Recorded, produced: Produce) -> tuple[int, float]:
    """Produce recorded bytes to an empty topic with acks=all: (events, seconds until all are acknowledged)."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, len(recorded), 1)])
    await admin.close()
    async with Publisher(bootstrap, "benchmark") as publisher:
        await publisher.partitions(topic)
        started = time.perf_counter()
        await asyncio.gather(*(produced(publisher, topic, place, records) for place, records in recorded.items()))
        seconds = time.perf_counter() - started
    return sum(map(len, recorded.values())), seconds


async def record_by_record(publisher: Publisher, topic: str, partition: int, records: Records) -> None:
    """As a client produces that is given records: the client library makes the batches."""
    waiting: deque[Awaitable[object]] = deque()
    for key, value, headers in records:
        send = publisher.producer.send(topic, value=value, key=key, partition=partition, headers=headers)
        waiting.append(await send)
        if len(waiting) > _UNACKNOWLEDGED_MAX:
            await waiting.popleft()
    await asyncio.gather(*waiting)


async def in_batches(publisher: Publisher, topic: str, partition: int, records: Records) -> None:
    """Records are packed into whole batches; the client library only compresses and sends them."""
    waiting = []
    batch = publisher.producer.create_batch()
    for key, value, headers in records:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            waiting.append(await publisher.producer.send_batch(batch, topic, partition=partition))
            batch = publisher.producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
            if len(waiting) > 4:
                await waiting.pop(0)
    waiting.append(await publisher.producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*waiting)


async def consume(bootstrap: str, topic: str, partitions: int) -> tuple[int, float]:
    """Getmany and msgspec decode of a whole topic: (events, seconds)."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=8 << 20)
    await consumer.start()
    decode = msgspec.json.decode
    try:
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        total = sum((await consumer.end_offsets(places)).values())
        consumer.assign(places)
        await consumer.seek_to_beginning()
        read, started = 0, time.perf_counter()
        while read < total:
            for records in (await consumer.getmany(timeout_ms=200, max_records=5_000)).values():
                for one in records:
                    decode(one.value)
                read += len(records)
        return read, time.perf_counter() - started
    finally:
        await consumer.stop()
