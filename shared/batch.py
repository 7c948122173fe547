"""A batch of records as a handler sees it, and what becomes of those it can't take."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from shared.publisher import Headers, Outgoing, cloud_event_headers
from shared.topics import dead_letters


class StoredRecord(NamedTuple):
    """A record as a stream's handler sees it, read back from the dead letters."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Batch:
    """The records of one transaction, and what the handler says about those it could not take."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.rejected: list[DeadLetter] = []
        self.stopped: dict[TopicPartition, tuple[int, str]] = {}

    def reject(self, record: Any, code: str, message: str, billing_period: str | None = None) -> None:
        """Send one record to the dead letters; the others go on."""
        self.rejected.append(
            DeadLetter(
                record.topic, record.partition, record.offset, record.key or b"", record.value or b"",
                code, message, billing_period, tuple(record.headers),
            )
        )  # fmt: skip

    def stop_at(self, record: Any, reason: str) -> None:
        """Take nothing of this partition from this record on: something before it is missing."""
        self.stopped.setdefault(TopicPartition(record.topic, record.partition), (record.offset, reason))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record. `place` says where it came from when that is a file: name, line, column, rule."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    code: str
    message: str
    billing_period: str | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def dead_letter_id(self) -> str:
        """Derived from where the record stood, so that a replayed batch writes the same row."""
        where = (
            f"{self.topic}/{self.partition}/{self.offset}/{self.place.get('file', '')}/{self.place.get('delivery', '')}"
        )
        return hashlib.sha256(where.encode()).hexdigest()[:20]

    def announcement(self, service: str) -> Outgoing:
        """The record for `<topic>.dead-letters`: original key, bytes and headers, and why it was refused."""
        reason = {
            "dl-code": self.code, "dl-message": self.message, "dl-topic": self.topic,
            "dl-partition": str(self.partition), "dl-offset": str(self.offset), "dl-id": self.dead_letter_id,
        }  # fmt: skip
        named = {name for name, _ in self.headers}
        own = cloud_event_headers("finops.dead-letter.v1", self.dead_letter_id, service)
        headers = self.headers or own
        extra = tuple((name, text.encode()) for name, text in reason.items() if name not in named)
        return Outgoing(dead_letters(self.topic), self.key, self.value, (*headers, *extra))
