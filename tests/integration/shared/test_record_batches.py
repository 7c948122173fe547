"""A real broker takes batches that Arrow wrote, in turns with records that the client library batches."""

from __future__ import annotations

import asyncio

import pyarrow as pa
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.publisher import Publisher
from shared.record_batches import RecordBatch
from shared.topics import COSTS
from tests.stack.topics import create_topics

NOW_MS = 1_790_000_000_000


async def test_whole_batches_and_single_records_stay_in_order(kafka_bootstrap: str, topic_prefix: str) -> None:
    await create_topics(kafka_bootstrap, topic_prefix, "intake")
    topic = topic_prefix + COSTS.name
    async with Publisher(kafka_bootstrap, "test") as publisher:
        await publisher.partitions(topic)
        waiting = []
        for turn in range(5):
            batch = RecordBatch(1 << 20, "ce_id", NOW_MS)
            ids = pa.array([b"%d/%d" % (turn, at) for at in range(500)], pa.binary())
            assert batch.extend(ids, ids) == 500
            waiting.append(await publisher.producer.send_batch(batch, topic, partition=0))
            single = b"%d/500" % turn
            waiting.append(await publisher.producer.send(topic, single, partition=0, headers=[("ce_id", single)]))
        sent = await asyncio.gather(*waiting)
    assert [one.offset for one in sent] == [offset for turn in range(5) for offset in (turn * 501, turn * 501 + 500)]
    found = await read(kafka_bootstrap, topic, 5 * 501)
    assert found == [f"{turn}/{at}".encode() for turn in range(5) for at in range(501)]


async def read(bootstrap: str, topic: str, expected: int) -> list[bytes]:
    """The values of a partition, each of which is its header's too."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[bytes] = []
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(60):
            while len(found) < expected:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    assert all(dict(record.headers)["ce_id"] == record.value for record in records)
                    found += [record.value for record in records]
    finally:
        await consumer.stop()
    return found
