"""Rows of the datasets beside Cost and Usage: state with revisions. Delivering a file again publishes nothing.

A file, with all of its parts, is taken in by one transaction, so it counts as a whole or not at all:

1. its rows are read and staged in a table of the transaction; a row that breaks a rule ends everything here;
2. rows that are new or differ from what is known get the next revision, and go to the outbox;
3. known rows of a delivered scope that the file has not any more are withdrawn, with the next revision.
A crash before the commit leaves nothing; the file can simply be sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Column as SqlColumn
from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import provider_invoices
from services.intake.dataset_records import outgoing, stored
from services.intake.reading.datasets import DatasetFile, NamedPart, open_parts
from services.intake.reading.errors import RefusedRow, RowsDiffer
from services.intake.reading.invoices import read_parts
from services.intake.tables import SERVICE, STREAM_TABLES, dataset_rows
from shared.database import lock_transaction
from shared.focus import MARKERS, VERSIONS, Dataset
from shared.outbox import enqueue

_ROWS_AT_ONCE: Final = 1_000
_STAGED: Final = Table(
    "staged_rows",
    MetaData(),
    SqlColumn("key", Text),
    SqlColumn("scope", Text),
    SqlColumn("content", LargeBinary),
    SqlColumn("part", Integer),
    SqlColumn("line", Integer),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a file. `withdrawn` rows are among the `published`; `invoices` got new totals from its lines."""

    dataset: str
    version: str
    rows: int
    published: int
    withdrawn: int
    invoices: int = 0


async def take_in(conn: AsyncConnection, prefix: str, source: str, parts: Sequence[NamedPart]) -> Taken:
    """Take a file in, in the caller's transaction: all of its parts, which are mostly one.

    Raises:
        IntakeRefusal: if it breaks a rule; then the transaction must be rolled back.
    """
    opened = await asyncio.to_thread(open_parts, parts)
    dataset, version = opened[0].dataset, max((one.version for one in opened), key=VERSIONS.index)
    name = parts[0].name if len(parts) == 1 else f"{parts[0].name} and {len(parts) - 1} more"
    await lock_transaction(conn, SERVICE, "dataset", dataset)
    await conn.run_sync(_STAGED.create, checkfirst=False)
    rows = 0
    for number, (part, one) in enumerate(zip(parts, opened, strict=True)):
        rows += await _stage(conn, one, part, number, source)
    await _refuse_duplicates(conn, dataset, parts)
    changed = await _publish(conn, dataset, _changed(dataset), prefix, name, withdrawn=False)
    withdrawn = await _publish(conn, dataset, _gone(dataset), prefix, name, withdrawn=True)
    invoices = 0
    if dataset is Dataset.INVOICE_DETAIL:
        totals = await asyncio.to_thread(read_parts, parts)
        invoices = await provider_invoices.take_in(conn, prefix, name, totals)
    return Taken(dataset, version, rows, changed + withdrawn, withdrawn, invoices)


async def _stage(conn: AsyncConnection, opened: DatasetFile, part: NamedPart, number: int, source: str) -> int:
    count = 0
    while some := await asyncio.to_thread(lambda: list(islice(opened.rows, _ROWS_AT_ONCE))):
        staged = [stored(opened.dataset, row, source) | {"part": number} for row in some]
        await conn.execute(insert(_STAGED), staged)
        count += len(some)
    if part.rows not in {None, count}:
        raise RowsDiffer(part.name, part.rows or 0, count)
    return count


async def _refuse_duplicates(conn: AsyncConnection, dataset: Dataset, parts: Sequence[NamedPart]) -> None:
    again = func.row_number().over(partition_by=_STAGED.c.key, order_by=(_STAGED.c.part, _STAGED.c.line)) > 1
    marked = select(_STAGED.c.key, _STAGED.c.part, _STAGED.c.line, again.label("again")).subquery()
    query = select(marked).where(marked.c.again).order_by(marked.c.part, marked.c.line).limit(1)
    if found := (await conn.execute(query)).one_or_none():
        rule = f"a row of {dataset.display_name} may come once in a file"
        raise RefusedRow(parts[found.part].name, found.line, MARKERS[dataset], found.key, rule)


def _same_row(dataset: Dataset) -> ColumnElement[bool]:
    return and_(dataset_rows.c.dataset == dataset, dataset_rows.c.key == _STAGED.c.key)


def _changed(dataset: Dataset) -> Select[Any]:
    """Staged rows that are new, differ from what is known, or had been withdrawn."""
    known = dataset_rows.c
    return (
        select(_STAGED.c.key, _STAGED.c.scope, _STAGED.c.content, func.coalesce(known.revision, 0) + 1)
        .outerjoin(dataset_rows, _same_row(dataset))
        .where(or_(known.key.is_(None), known.content != _STAGED.c.content, known.withdrawn))
    )


def _gone(dataset: Dataset) -> Select[Any]:
    """Known rows of a staged scope that are not staged themselves."""
    known = dataset_rows.c
    scopes = select(_STAGED.c.scope).where(_STAGED.c.scope != literal(""))
    return select(known.key, known.scope, known.content, known.revision + 1).where(
        known.dataset == dataset, known.scope.in_(scopes), not_(known.withdrawn),
        not_(select(_STAGED.c.key).where(_same_row(dataset)).correlate(dataset_rows).exists()),
    )  # fmt: skip


async def _publish(
    conn: AsyncConnection, dataset: Dataset, query: Select[Any], prefix: str, file: str, *, withdrawn: bool
) -> int:
    count = 0
    async for some in _pages(conn, query):
        await _keep(conn, dataset, some, file, withdrawn=withdrawn)
        records = [
            outgoing(dataset, prefix, key, content, revision, file, withdrawn=withdrawn)
            for key, _, content, revision in some
        ]
        await enqueue(conn, STREAM_TABLES.outbox, records)
        count += len(some)
    return count


async def _pages(conn: AsyncConnection, query: Select[Any]) -> AsyncIterator[list[Any]]:
    """The rows of a query in the order of their keys, some at a time; what is kept of them meanwhile does no harm."""
    key = query.selected_columns[0]
    last = ""
    while some := list(await conn.execute(query.where(key > last).order_by(key).limit(_ROWS_AT_ONCE))):
        yield some
        last = some[-1][0]


async def _keep(conn: AsyncConnection, dataset: Dataset, some: list[Any], file: str, *, withdrawn: bool) -> None:
    rows = [
        {"dataset": dataset, "key": key, "scope": scope, "content": content, "revision": revision,
         "withdrawn": withdrawn, "source_file": file}
        for key, scope, content, revision in some
    ]  # fmt: skip
    statement = upsert(dataset_rows)
    newer = {name: statement.excluded[name] for name in ("scope", "content", "revision", "withdrawn", "source_file")}
    await conn.execute(statement.on_conflict_do_update(index_elements=["dataset", "key"], set_=newer), rows)
