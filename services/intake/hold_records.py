"""What others are told about held deliveries: a record of each, whose newest revision counts.

Every function works in the transaction that changes the delivery's state, so there is exactly one revision for each
change, whatever dies. The row of `deliveries` is changed first, so changes of one delivery wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.delivery import State
from services.intake.domain.holding import Claim
from services.intake.domain.holding import HoldReason as Reason
from services.intake.store import StoredDelivery
from services.intake.tables import SERVICE, STREAM_TABLES, deliveries, hold_records
from shared.database import lock_transaction
from shared.events import DeliveredScope, DeliveryHold, HoldReason, decode, encode
from shared.outbox import enqueue
from shared.publisher import Outgoing, cloud_event_headers
from shared.topics import HOLDS

_EVENT_TYPE: Final = "finops.hold.v1"

Move = Literal["resumed", "superseded", "cancelled", "refused"]


async def held(
    conn: AsyncConnection,
    prefix: str,
    delivery: StoredDelivery | Row[Any],
    reasons: Iterable[Reason],
    claims: Iterable[Claim],
) -> None:
    """A delivery is held from now on."""
    known = await _known(conn, [delivery.delivery_id])
    record = DeliveryHold(
        delivery_id=delivery.delivery_id, source=delivery.source, ordinal=delivery.ordinal,
        revision=1 + max((one.revision for one in known), default=0), state="held", since=_now(),
        reasons=[HoldReason(**reason._asdict()) for reason in reasons],
        scopes=[DeliveredScope(**claim._asdict()) for claim in claims],
    )  # fmt: skip
    await _tell(conn, prefix, [record])


async def moved(
    conn: AsyncConnection, prefix: str, delivery_ids: Collection[str], state: Move, superseded_by: str | None = None
) -> None:
    """Deliveries that were held are not any more, or those that went on are refused; others are left alone."""
    await _tell(
        conn, prefix,
        [
            msgspec.structs.replace(
                one, revision=one.revision + 1, state=state, since=_now(), superseded_by=superseded_by
            )
            for one in await _known(conn, delivery_ids)
        ],
    )  # fmt: skip


async def make_up_for(conn: AsyncConnection, prefix: str) -> None:
    """Tell of deliveries that were held when this service did not tell yet."""
    await lock_transaction(conn, SERVICE, "hold-records")
    told = select(hold_records.c.delivery_id)
    query = select(deliveries).where(deliveries.c.state == State.HELD, deliveries.c.delivery_id.not_in(told))
    for row in await conn.execute(query.order_by(deliveries.c.received_at).with_for_update()):
        await held(conn, prefix, row, _reasons(row), [Claim(*one) for one in row.held_scopes])


async def publish_again(conn: AsyncConnection, prefix: str, source: str | None, periods: Collection[str]) -> int:
    """Tell the newest revisions once more, of a source or of all; returns how many.

    Args:
        periods: only what concerns one of them or does not tell; empty for all.
    """
    query = select(hold_records.c.record).order_by(hold_records.c.delivery_id)
    if source is not None:
        query = query.where(hold_records.c.source == source)
    records = [decode(DeliveryHold, record) for record in (await conn.execute(query)).scalars()]
    wanted = [one for one in records if not periods or _concerns(one, periods)]
    await enqueue(conn, STREAM_TABLES.outbox, [_outgoing(one, prefix) for one in wanted])
    return len(wanted)


async def _known(conn: AsyncConnection, delivery_ids: Collection[str]) -> list[DeliveryHold]:
    query = select(hold_records.c.record).where(hold_records.c.delivery_id.in_(delivery_ids))
    query = query.order_by(hold_records.c.delivery_id)
    return [decode(DeliveryHold, record) for record in (await conn.execute(query)).scalars()]


async def _tell(conn: AsyncConnection, prefix: str, records: Sequence[DeliveryHold]) -> None:
    if not records:
        return
    rows = [{"delivery_id": one.delivery_id, "source": one.source, "record": encode(one)} for one in records]
    statement = insert(hold_records)
    newer = {"record": statement.excluded.record}
    await conn.execute(statement.on_conflict_do_update(index_elements=["delivery_id"], set_=newer), rows)
    await enqueue(conn, STREAM_TABLES.outbox, [_outgoing(one, prefix) for one in records])


def _outgoing(record: DeliveryHold, prefix: str) -> Outgoing:
    headers = cloud_event_headers(_EVENT_TYPE, f"{record.delivery_id}/{record.revision}", SERVICE)
    return Outgoing(prefix + HOLDS.name, record.delivery_id.encode(), encode(record), headers)


def _concerns(record: DeliveryHold, periods: Collection[str]) -> bool:
    return not record.scopes or any(scope.billing_period in periods for scope in record.scopes)


def _reasons(row: Row[Any]) -> list[Reason]:
    return [Reason(**reason) for reason in row.hold_reasons]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
