"""Where events go, so that a checkpoint of one cluster or topic never counts for another.

A delivery goes on from its checkpoint only where the events before it are. On a new cluster, under a new prefix, or in
a topic that was made anew it begins with its first event: consumers skip what they have, and a gap would stop them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

_CLIENT = "intake-destination"


class Destination(NamedTuple):
    """A topic of a cluster. `records` is how many it had so far, those that retention removed included."""

    cluster: str
    topic: str
    records: int

    def has_what_came_before(self, noted: Mapping[str, Any] | None) -> bool:
        """Whether events that went to the `noted` destination are here: a topic never gets shorter."""
        if noted is None:
            return False
        before = Destination(**noted)
        return (self.cluster, self.topic) == (before.cluster, before.topic) and self.records >= before.records

    def after(self, events: int) -> dict[str, Any]:
        """The same, when so many more events were acknowledged, as a checkpoint notes it."""
        return self._replace(records=self.records + events)._asdict()


async def destination(bootstrap: str, topic: str) -> Destination:
    """Look at a topic. Raises KafkaError if nobody answers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id=_CLIENT)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, client_id=_CLIENT)
    try:
        await admin.start()
        await consumer.start()
        cluster = (await admin.describe_cluster())["cluster_id"]
        (described,) = await admin.describe_topics([topic])
        places = [TopicPartition(topic, one["partition"]) for one in described["partitions"]]
        return Destination(cluster, topic, sum((await consumer.end_offsets(places)).values()))
    finally:
        await consumer.stop()
        await admin.close()
