"""Rows of the datasets beside Cost and Usage: state with revisions. Delivering a file again publishes nothing.

A file is taken in by one transaction, so it counts as a whole or not at all:

1. its rows are read and staged in a table of the transaction; a row that breaks a rule ends everything here;
2. rows that are new or differ from what is known get the next revision, and go to the outbox;
3. known rows of a delivered scope that the file has not any more are withdrawn, with the next revision.
A crash before the commit leaves nothing; the file can simply be sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
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
from services.intake.reading.datasets import DatasetFile, open_dataset
from services.intake.reading.errors import RefusedRow
from services.intake.reading.invoices import read_invoices
from services.intake.tables import SERVICE, STREAM_TABLES, dataset_rows
from shared.database import lock_transaction
from shared.focus import MARKERS, Dataset
from shared.outbox import enqueue

_ROWS_AT_ONCE: Final = 1_000
_STAGED: Final = Table(
    "staged_rows",
    MetaData(),
    SqlColumn("key", Text),
    SqlColumn("scope", Text),
    SqlColumn("content", LargeBinary),
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


async def take_in(conn: AsyncConnection, prefix: str, source: str, path: Path, name: str) -> Taken:
    """Take a file in, in the caller's transaction.

    Raises:
        IntakeRefusal: if it breaks a rule; then the transaction must be rolled back.
    """
    opened = await asyncio.to_thread(open_dataset, path, name)
    await lock_transaction(conn, SERVICE, "dataset", opened.dataset)
    rows = await _stage(conn, opened, source)
    await _refuse_duplicates(conn, opened.dataset, name)
    changed = await _publish(conn, opened.dataset, _changed(opened.dataset), prefix, name, withdrawn=False)
    withdrawn = await _publish(conn, opened.dataset, _gone(opened.dataset), prefix, name, withdrawn=True)
    invoices = 0
    if opened.dataset is Dataset.INVOICE_DETAIL:
        totals = await asyncio.to_thread(read_invoices, path, name)
        invoices = await provider_invoices.take_in(conn, prefix, name, totals)
    return Taken(opened.dataset, opened.version, rows, changed + withdrawn, withdrawn, invoices)


async def _stage(conn: AsyncConnection, opened: DatasetFile, source: str) -> int:
    await conn.run_sync(_STAGED.create, checkfirst=False)
    count = 0
    while some := await asyncio.to_thread(lambda: list(islice(opened.rows, _ROWS_AT_ONCE))):
        await conn.execute(insert(_STAGED), [stored(opened.dataset, row, source) for row in some])
        count += len(some)
    return count


async def _refuse_duplicates(conn: AsyncConnection, dataset: Dataset, name: str) -> None:
    query = select(_STAGED.c.key, func.max(_STAGED.c.line)).group_by(_STAGED.c.key).having(func.count() > 1)
    if found := (await conn.execute(query.order_by(func.max(_STAGED.c.line)).limit(1))).one_or_none():
        key, line = found
        raise RefusedRow(name, line, MARKERS[dataset], key, f"a row of {dataset.display_name} may come once in a file")


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
