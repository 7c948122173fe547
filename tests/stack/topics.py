"""The topics of one service: all of them cost the broker a quarter of a second of CPU and hundreds of fsyncs."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient

from shared import topic_admin
from shared.topics import TOPICS, dead_letters


async def create_topics(bootstrap: str, prefix: str, writer: str) -> None:
    """Create what `writer` writes to, with the dead letters of it, as `apportion topics` would."""
    written = [spec.name for spec in TOPICS if spec.writer == writer]
    names = {*written, *map(dead_letters, written)}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await topic_admin.create(admin, prefix, [spec for spec in topic_admin.all_topics() if spec.name in names])
    finally:
        await admin.close()
