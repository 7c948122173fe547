"""Creating the topics, and checking that those which are there are as the system needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.publisher import MESSAGE_BYTES_MAX
from shared.topics import (
    CONTRACT_COMMITMENTS,
    INVOICE_DETAILS,
    PROVIDER_PERIODS,
    RECONCILIATIONS,
    TOPICS,
    TopicSpec,
    dead_letters,
)

_FOR_OTHERS = (RECONCILIATIONS, INVOICE_DETAILS, PROVIDER_PERIODS, CONTRACT_COMMITMENTS)
_CONSUMED = tuple(spec for spec in TOPICS if spec not in _FOR_OTHERS)
_DEAD_LETTER_RETENTION_MS = -1


@dataclass(frozen=True, slots=True)
class TopicState:
    """What `apply` found or did about one topic."""

    name: str
    partitions: int
    state: Literal["created", "kept", "changed"]
    changes: dict[str, str]


class TooFewPartitions(ValueError):
    """A topic exists with another number of partitions; events would go to places nobody expects."""

    def __init__(self, name: str, found: int, expected: int) -> None:
        self.name, self.found, self.expected = name, found, expected
        super().__init__(
            f"topic {name} has {found} partition(s), {expected} are needed; create it anew under another prefix, "
            "or move its records"
        )


def all_topics() -> list[TopicSpec]:
    """Every topic of the system, dead letters included."""
    return [*TOPICS, *(_dead_letter_spec(spec) for spec in _CONSUMED)]


async def apply(bootstrap: str, prefix: str, replication_factor: int = 1) -> list[TopicState]:
    """Create what is missing and set retention and cleanup where they differ; never deletes anything.

    Raises:
        TooFewPartitions: if a topic's partition count differs, which can't be mended in place.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="apportion-topics")
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [spec for spec in all_topics() if prefix + spec.name not in existing]
        await create(admin, prefix, missing, replication_factor)
        kept = [spec for spec in all_topics() if spec not in missing]
        changed = await _adjust(admin, prefix, kept)
    finally:
        await admin.close()
    created = [TopicState(prefix + spec.name, spec.partitions, "created", {}) for spec in missing]
    return sorted(created + changed, key=lambda state: state.name)


async def create(
    admin: AIOKafkaAdminClient, prefix: str, specs: Sequence[TopicSpec], replication_factor: int = 1
) -> None:
    """Create these topics; one that is there already is left as it is."""
    if not specs:
        return
    response = await admin.create_topics(
        [NewTopic(prefix + s.name, s.partitions, replication_factor, topic_configs=_config(s)) for s in specs]
    )
    for name, code, *_ in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(f"topic {name} could not be created")


async def _adjust(admin: AIOKafkaAdminClient, prefix: str, specs: list[TopicSpec]) -> list[TopicState]:
    if not specs:
        return []
    found = {topic["topic"]: topic for topic in await admin.describe_topics([prefix + spec.name for spec in specs])}
    states = []
    for spec in specs:
        name = prefix + spec.name
        partitions = len(found[name]["partitions"])
        if partitions != spec.partitions:
            raise TooFewPartitions(name, partitions, spec.partitions)
        changes = await _differences(admin, name, _config(spec))
        if changes:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, _config(spec))])
        states.append(TopicState(name, partitions, "changed" if changes else "kept", changes))
    return states


async def _differences(admin: AIOKafkaAdminClient, name: str, wanted: dict[str, str]) -> dict[str, str]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    current = {entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]}
    return {key: value for key, value in wanted.items() if current.get(key) != value}


def _config(spec: TopicSpec) -> dict[str, str]:
    cleanup = "compact" if spec.compacted else "delete"
    retention = {} if spec.compacted else {"retention.ms": str(spec.retention_ms)}
    size = {"max.message.bytes": str(MESSAGE_BYTES_MAX)} if spec.large_records else {}
    return {"cleanup.policy": cleanup, **retention, **size}


def _dead_letter_spec(spec: TopicSpec) -> TopicSpec:
    """Dead letters stay until somebody deletes them: what was refused is evidence."""
    return TopicSpec(dead_letters(spec.name), spec.key, "its consumers", retention_ms=_DEAD_LETTER_RETENTION_MS,
                     large_records=spec.large_records)  # fmt: skip
