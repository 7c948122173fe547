"""What a delivery says about itself on the topics: its record with control totals, and its refused rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import islice

import msgspec

from services.intake.domain.findings import Noted
from services.intake.domain.rejection import Rejection
from services.intake.preparing import Prepared, Reading
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE
from shared.batch import DeadLetter
from shared.events import DeliveredScope, Delivery, Finding, RejectedRows, encode
from shared.publisher import Outgoing, cloud_event_headers
from shared.topics import DELIVERIES

_EVENT_TYPE = "finops.delivery.v1"
REJECTION_CODE = "row-rejected"


def delivery_record(delivery: StoredDelivery, reading: Reading, prepared: Prepared, findings: Sequence[Noted]) -> bytes:
    """The Delivery, encoded. Written once, so that it is the same however often it is published."""
    return encode(
        Delivery(
            delivery_id=delivery.delivery_id,
            source=delivery.source,
            ordinal=delivery.ordinal,
            received_at=delivery.received_at.astimezone(UTC).isoformat(timespec="seconds"),
            files=reading.files,
            partition_events=prepared.partition_events,
            published=prepared.published,
            snapshot=prepared.snapshot,
            charges=prepared.charges,
            retractions=prepared.retractions,
            rejected_rows=reading.rejected,
            rejected_periods=rejected_periods(reading, prepared),
            findings=[Finding(**noted._asdict()) for noted in (*findings, *prepared.noted)],
            content_hash=prepared.content_hash,
            style=delivery.style.value,
            as_of="" if delivery.as_of is None else delivery.as_of.astimezone(UTC).isoformat(),
            replaces=[DeliveredScope(**one._asdict()) for one in delivery.withdraws or prepared.replaces],
            rejected=[
                RejectedRows(rows=rows, **refused._asdict())
                for refused, rows in sorted(
                    reading.refused.items(), key=lambda one: tuple(part or "" for part in one[0])
                )
            ],
            mends=list(delivery.mends),
        )
    )


def rejected_periods(reading: Reading, prepared: Prepared) -> list[str]:
    """The periods that refused rows concern; a row that does not tell its period concerns all of the delivery's."""
    refused = {one.billing_period for one in reading.refused}
    every = {scope.billing_period for scope in prepared.scopes} if None in refused else set()
    return sorted({period for period in refused if period is not None} | every)


def outgoing_delivery(delivery: StoredDelivery, prefix: str) -> Outgoing:
    """The record as it goes to the outbox."""
    assert delivery.record is not None, "a published delivery has its record"
    headers = cloud_event_headers(_EVENT_TYPE, delivery.delivery_id, SERVICE)
    return Outgoing(prefix + DELIVERIES.name, delivery.delivery_id.encode(), delivery.record, headers)


def dead_letters_of(
    delivery: StoredDelivery, topic: str, rejections: Iterator[Rejection], size: int
) -> Iterator[list[DeadLetter]]:
    """Refused rows as dead letters of the topic that their events would have gone to, some at a time."""
    while some := list(islice(rejections, size)):
        yield [_dead_letter(delivery, topic, rejection) for rejection in some]


def _dead_letter(delivery: StoredDelivery, topic: str, rejection: Rejection) -> DeadLetter:
    return DeadLetter(
        topic=topic,
        partition=0,
        offset=rejection.line,
        key=b"",
        value=msgspec.json.encode(rejection.row),
        code=REJECTION_CODE,
        message=rejection.message,
        billing_period=rejection.billing_period,
        place={
            "source": delivery.source, "delivery": delivery.delivery_id, "file": rejection.file,
            "line": rejection.line, "column": rejection.column, "value": rejection.value, "rule": rejection.rule,
            "billing_account_id": rejection.billing_account_id,
        },
    )  # fmt: skip
