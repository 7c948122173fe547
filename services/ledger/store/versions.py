"""Applying records by id and revision.

A higher revision replaces, the same or a lower one changes nothing, the same with other content is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Table, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.batch import Batch
from shared.errors import Conflict


class Version(NamedTuple):
    """One revision of one record: `content` is the hash of what the revision fixes, `row` what is stored."""

    record: Any
    key: str
    revision: int
    content: bytes
    row: dict[str, Any]


async def apply(
    conn: AsyncConnection, table: Table, key: str, versions: Sequence[Version], batch: Batch
) -> list[Version]:
    """Store the newest revision of each record and return those that were new.

    Args:
        key: the column that identifies a record.
        batch: takes the conflicts as dead letters.
    """
    known = await _known(conn, table, key, {version.key for version in versions})
    newest: dict[str, Version] = {}
    accepted = []
    for version in versions:
        revision, content = known.get(version.key, (0, b""))
        if version.revision == revision and version.content != content:
            conflict = Conflict(table.name, version.key, version.revision)
            batch.reject(version.record, conflict.code, str(conflict), version.row.get("billing_period"))
        elif version.revision > revision:
            known[version.key] = (version.revision, version.content)
            newest[version.key] = version
            accepted.append(version)
    await _store(conn, table, key, newest.values())
    return accepted


async def _known(conn: AsyncConnection, table: Table, key: str, keys: set[str]) -> dict[str, tuple[int, bytes]]:
    column = table.c[key]
    query = select(column, table.c.revision, table.c.content).where(column == any_(literal(sorted(keys), ARRAY(Text))))
    return {found: (revision, bytes(content)) for found, revision, content in await conn.execute(query)}


async def _store(conn: AsyncConnection, table: Table, key: str, versions: Iterable[Version]) -> None:
    rows = [version.row for version in sorted(versions, key=lambda one: one.key)]
    if not rows:
        return
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name != key}
    await conn.execute(
        statement.on_conflict_do_update(
            index_elements=[key], set_=changed, where=statement.excluded.revision > table.c.revision
        ),
        rows,
    )
