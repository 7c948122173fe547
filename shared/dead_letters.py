"""Dead letters: records that could not be accepted, byte for byte, with the reason and a way back.

The row is written in the transaction of the batch that refused the record, and announced on `<topic>.dead-letters`
through the outbox. A period with open dead letters can't close, so none of them is a loss nobody notices.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.batch import Batch, DeadLetter, StoredRecord
from shared.errors import Reject
from shared.observability import DEAD_LETTERS


def dead_letter_table(tables: MetaData) -> Table:
    """Declare a service's dead letters in its schema."""
    return Table(
        "dead_letters",
        tables,
        Column("dead_letter_id", Text, primary_key=True),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("code", Text, nullable=False),
        Column("message", Text, nullable=False),
        Column("billing_period", Text, comment="null: unknown, so it holds every period back"),
        Column("place", JSONB, nullable=False),
        Column("state", Text, nullable=False, server_default="open", comment="open, replayed or superseded"),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    )


async def record(conn: AsyncConnection, table: Table, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Keep refused records in the caller's transaction; returns those that were not known, which are to be announced.

    A record that is read again, because its offset was not committed, is refused again and known.
    """
    if not letters:
        return []
    rows = [
        {
            "dead_letter_id": letter.dead_letter_id, "topic": letter.topic, "partition": letter.partition,
            "offset": letter.offset, "key": letter.key, "value": letter.value, "code": letter.code,
            "headers": [[name, value.decode("utf-8", "replace")] for name, value in letter.headers],
            "message": letter.message, "billing_period": letter.billing_period, "place": letter.place,
        }
        for letter in letters
    ]  # fmt: skip
    statement = insert(table).on_conflict_do_nothing().returning(table.c.dead_letter_id)
    new = set((await conn.execute(statement, rows)).scalars())
    await refresh_gauge(conn, table)
    return [letter for letter in letters if letter.dead_letter_id in new]


async def open_letters(conn: AsyncConnection, table: Table, billing_period: str | None = None) -> list[dict[str, Any]]:
    """The open dead letters, oldest first; of one billing period and of none, if a period is given."""
    query = select(table).where(table.c.state == "open").order_by(table.c.recorded_at, table.c.dead_letter_id)
    if billing_period is not None:
        query = query.where((table.c.billing_period == billing_period) | table.c.billing_period.is_(None))
    return [dict(row._mapping) for row in await conn.execute(query)]


async def settle(conn: AsyncConnection, table: Table, dead_letter_ids: Sequence[str], state: str) -> None:
    """Mark dead letters as `replayed` or `superseded` in the caller's transaction."""
    await conn.execute(update(table).where(table.c.dead_letter_id.in_(dead_letter_ids)).values(state=state))
    await refresh_gauge(conn, table)


class UnknownDeadLetter(LookupError):
    """There is no such dead letter, or it is settled."""

    def __init__(self, dead_letter_id: str) -> None:
        super().__init__(f"no open dead letter {dead_letter_id}; `apportion dead-letters list` shows the open ones")


class NotReplayable(ValueError):
    """The dead letter did not come from a topic that this service reads."""

    def __init__(self, dead_letter_id: str, topic: str) -> None:
        super().__init__(
            f"dead letter {dead_letter_id} came from {topic}, not from a stream: mend its source and deliver again"
        )


class StillRefused(Reject):
    """The record was refused again, for the reason given."""


Replay = Callable[[AsyncConnection, Any], Awaitable[None]]


def replay_by(handler: Callable[[AsyncConnection, Any], Awaitable[None]]) -> Replay:
    """Replay through a stream's own handler, as a batch of one record."""

    async def replay_one(conn: AsyncConnection, record: Any) -> None:
        batch = Batch([record])
        await handler(conn, batch)
        if batch.rejected:
            raise StillRefused(batch.rejected[0].message)

    return replay_one


async def replay(
    conn: AsyncConnection, table: Table, dead_letter_id: str, replays: Mapping[str, Replay]
) -> dict[str, Any]:
    """Apply a dead letter once more and settle it, in the caller's transaction.

    Raises:
        UnknownDeadLetter: if there is no open one of that id.
        NotReplayable: if no stream of the service reads its topic.
        Reject: if it is refused again; it stays open.
    """
    query = select(table).where(table.c.dead_letter_id == dead_letter_id, table.c.state == "open").with_for_update()
    row = (await conn.execute(query)).mappings().one_or_none()
    if row is None:
        raise UnknownDeadLetter(dead_letter_id)
    apply = replays.get(row["topic"])
    if apply is None:
        raise NotReplayable(dead_letter_id, row["topic"])
    headers = tuple((name, value.encode()) for name, value in row["headers"])
    await apply(conn, StoredRecord(row["topic"], row["partition"], row["offset"], row["key"], row["value"], headers))
    await settle(conn, table, [dead_letter_id], "replayed")
    return readable(dict(row)) | {"state": "replayed"}


def readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A dead letter as JSON shows it: bytes as text where they are text."""
    return {
        name: value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        for name, value in row.items()
    } | {"recorded_at": row["recorded_at"].isoformat()}


async def refresh_gauge(conn: AsyncConnection, table: Table) -> None:
    """Set the metric to what the table says."""
    count = (await conn.execute(select(func.count()).where(table.c.state == "open"))).scalar_one()
    DEAD_LETTERS.labels(table.schema or "").set(count)
