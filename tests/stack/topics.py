"""The topics of one service: all of them cost the broker a quarter of a second of CPU and hundreds of fsyncs."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient

from services.allocator.consumer import TOPICS as READ_BY_THE_ALLOCATOR
from services.chargeback.consumer import TOPICS as READ_BY_CHARGEBACK
from services.ledger.consumer.records import TOPICS as READ_BY_THE_LEDGER
from shared import topic_admin
from shared.topics import COSTS, DRIVERS, TOPICS, dead_letters

_READ = {
    "intake": (),
    "allocator": (COSTS.name, DRIVERS.name, *READ_BY_THE_ALLOCATOR),
    "chargeback": READ_BY_CHARGEBACK,
    "ledger": (COSTS.name, *READ_BY_THE_LEDGER),
}
_REFUSED = {"intake": (COSTS.name,)}


async def create_topics(bootstrap: str, prefix: str, service: str) -> None:
    """Create what the service reads and writes, with the dead letters of what it refuses, as `topics apply` would."""
    written = (spec.name for spec in TOPICS if service in spec.writer)
    names = {*_READ[service], *written, *map(dead_letters, _REFUSED.get(service, _READ[service]))}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await topic_admin.create(admin, prefix, [spec for spec in topic_admin.all_topics() if spec.name in names])
    finally:
        await admin.close()
