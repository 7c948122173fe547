"""What a transaction wants published is published, whatever happens to the broker in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer

from shared.outbox import CHUNK_RECORDS, OutboxRelay, enqueue
from shared.publisher import RECORD_BYTES_MAX, Outgoing, Publisher, RecordTooLarge, partition_of
from shared.topics import ALLOCATIONS, INVOICES
from tests.integration.shared.support import STREAM_TABLES, Probe
from tests.stack.waiting import until


@pytest.fixture
async def probe(kafka_bootstrap: str, database_url: str, topic_prefix: str) -> AsyncIterator[Probe]:
    async with Probe(kafka_bootstrap, database_url, topic_prefix) as running:
        yield running


async def read_all(probe: Probe, expected: int, topic: str = ALLOCATIONS.name) -> list[tuple[int, bytes, bytes]]:
    consumer = AIOKafkaConsumer(
        probe.prefix + topic,
        bootstrap_servers=probe.bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
    )
    await consumer.start()
    found: list[tuple[int, bytes, bytes]] = []
    try:
        async with asyncio.timeout(20):
            while len(found) < expected:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(record.partition, record.key, record.value) for record in records]
    finally:
        await consumer.stop()
    return found


async def test_records_reach_the_partition_of_their_key_in_order(probe: Probe) -> None:
    count = CHUNK_RECORDS * 2 + 7
    records = [
        Outgoing(probe.prefix + ALLOCATIONS.name, b"cc-%d/%d" % (n % 9, n), b"%d" % n, (), b"cc-%d" % (n % 9))
        for n in range(count)
    ]
    async with probe.engine.begin() as conn:
        await enqueue(conn, STREAM_TABLES.outbox, records)
    relay = OutboxRelay(probe.engine, STREAM_TABLES.outbox, probe.bootstrap, "probe")
    running = asyncio.create_task(relay.run())
    found = await read_all(probe, count)

    async def empty() -> bool:
        return await probe.count("outbox") == 0

    await until(empty, "the outbox is empty")
    running.cancel()
    for partition, key, _ in found:
        assert partition == partition_of(key.split(b"/")[0], ALLOCATIONS.partitions)
    for name in {key.split(b"/")[0] for _, key, _ in found}:
        values = [int(value) for _, key, value in found if key.split(b"/")[0] == name]
        assert values == sorted(values)


async def test_a_commit_wakes_the_relay(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.outbox._IDLE_SECONDS", 3_600)

    async def write() -> None:
        async with probe.engine.begin() as conn:
            await enqueue(conn, STREAM_TABLES.outbox, [Outgoing(probe.prefix + ALLOCATIONS.name, b"k", b"v")])

    async def empty() -> bool:
        return await probe.count("outbox") == 0

    running = asyncio.create_task(OutboxRelay(probe.engine, STREAM_TABLES.outbox, probe.bootstrap, "probe").run())
    for _ in range(3):
        await write()
        await until(empty, "the outbox is empty")
    running.cancel()
    assert len(await read_all(probe, 3)) == 3


async def test_a_rolled_back_transaction_publishes_nothing(probe: Probe) -> None:
    with pytest.raises(RuntimeError):
        async with probe.engine.begin() as conn:
            await enqueue(conn, STREAM_TABLES.outbox, [Outgoing(probe.prefix + ALLOCATIONS.name, b"k", b"v")])
            raise RuntimeError("the effect failed")
    assert await probe.count("outbox") == 0


async def test_a_record_larger_than_a_batch_travels_alone_and_a_too_large_one_is_refused(probe: Probe) -> None:
    topic = probe.prefix + INVOICES.name
    async with Publisher(probe.bootstrap, "test") as publisher:
        await publisher.publish(Outgoing(topic, b"k", bytes(size)) for size in (10, RECORD_BYTES_MAX, 10))
        with pytest.raises(RecordTooLarge, match="7340033 bytes"):
            await publisher.publish([Outgoing(topic, b"k", bytes(RECORD_BYTES_MAX + 1))])
    found = await read_all(probe, 3, INVOICES.name)
    assert [len(value) for _, _, value in found] == [10, RECORD_BYTES_MAX, 10]
