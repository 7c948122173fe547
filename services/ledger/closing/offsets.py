"""How far the topics reach right now, and how far this ledger has read them."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.settings import LedgerSettings
from services.ledger.store.periods import Target
from services.ledger.store.tables import stream_tables
from shared import topics

READ_TO_THE_END = (topics.COSTS.name, topics.DELIVERIES.name, topics.HOLDS.name, topics.PROVIDER_INVOICES.name)


async def end_offsets(settings: LedgerSettings) -> list[Target]:
    """Ask the broker for the ends of the topics that a close must have read."""
    names = {settings.topic(name): name for name in READ_TO_THE_END}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    await consumer.start()
    try:
        described = await admin.describe_topics(list(names))
        places = [
            TopicPartition(one["topic"], partition["partition"]) for one in described for partition in one["partitions"]
        ]
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
        await admin.close()
    return sorted((names[place.topic], place.partition, end) for place, end in ends.items() if end)


async def behind(conn: AsyncConnection, settings: LedgerSettings, targets: Sequence[Target]) -> list[Target]:
    """The targets that are not read yet, each with the offset read to instead of the end."""
    p = stream_tables.positions.c
    query = select(p.topic, p.partition, func.max(p.next_offset)).group_by(p.topic, p.partition)
    read = {(topic, partition): offset for topic, partition, offset in await conn.execute(query)}
    reached = (
        (topic, partition, end, read.get((settings.topic(topic), partition), 0)) for topic, partition, end in targets
    )
    return [(topic, partition, offset) for topic, partition, end, offset in reached if offset < end]
