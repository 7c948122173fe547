"""How far the topics reach right now, and how far this ledger has read them."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.settings import LedgerSettings
from services.ledger.store.periods import Target
from services.ledger.store.tables import stream_tables
from shared import topics
from shared.errors import RetryLater

READ_TO_THE_END = (topics.COSTS.name, topics.DELIVERIES.name, topics.HOLDS.name, topics.PROVIDER_INVOICES.name)


class EndsUnknown(RetryLater):
    """Kafka is away, or has no leader for a topic: how far a close must read can't be told."""

    def __init__(self, bootstrap: str, error: Exception) -> None:
        super().__init__(
            f"Kafka at {bootstrap} does not tell how far the topics reach ({error!r}), so nothing was done; "
            "see that it runs (`apportion status`), then ask again"
        )


async def end_offsets(settings: LedgerSettings) -> list[Target]:
    """Ask the broker for the ends of the topics that a close must have read. Raises EndsUnknown if it can't tell."""
    names = {settings.topic(name): name for name in READ_TO_THE_END}
    try:
        ends = await _ends(settings.kafka_bootstrap, list(names))
    except (KafkaError, OSError) as error:
        raise EndsUnknown(settings.kafka_bootstrap, error) from error
    return sorted((names[place.topic], place.partition, end) for place, end in ends.items() if end)


async def _ends(bootstrap: str, names: list[str]) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await consumer.start()
        described = await admin.describe_topics(names)
        for one in described:
            if one["error_code"]:  # without its partitions a close would not wait for what is in the topic
                raise for_code(one["error_code"])(f"topic {one['topic']}")
        places = [
            TopicPartition(one["topic"], partition["partition"]) for one in described for partition in one["partitions"]
        ]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return ends
    finally:
        await consumer.stop()
        await admin.close()


async def behind(conn: AsyncConnection, settings: LedgerSettings, targets: Sequence[Target]) -> list[Target]:
    """The targets that are not read yet, each with the offset read to instead of the end."""
    p = stream_tables.positions.c
    query = select(p.topic, p.partition, func.max(p.next_offset)).group_by(p.topic, p.partition)
    read = {(topic, partition): offset for topic, partition, offset in await conn.execute(query)}
    reached = (
        (topic, partition, end, read.get((settings.topic(topic), partition), 0)) for topic, partition, end in targets
    )
    return [(topic, partition, offset) for topic, partition, end, offset in reached if offset < end]
