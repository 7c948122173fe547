"""Everything but cost events: deliveries, holds, provider invoices, allocations, internal invoices and their runs.

All are applied by id and revision, so order between topics does not matter: nothing is concluded here, the close
compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.store import allocations, documents, invoices, versions
from services.ledger.store import tables as t
from services.ledger.store.versions import Version
from shared import dead_letters, topics
from shared.batch import Batch
from shared.errors import Reject
from shared.money import AmountOutOfRange, UnknownCurrency, from_units, minor_unit, to_units
from shared.reading import Unreadable, value_of


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the records of one topic are read and where they are stored."""

    read: Callable[[Any], Version]
    table: Table
    key: str


_KINDS: Final = {
    topics.DELIVERIES.name: _Kind(documents.delivery, t.documents, "document_id"),
    topics.HOLDS.name: _Kind(documents.hold, t.documents, "document_id"),
    topics.PROVIDER_INVOICES.name: _Kind(documents.provider_invoice, t.documents, "document_id"),
    topics.ALLOCATIONS.name: _Kind(allocations.version, t.allocations, "allocation_id"),
    topics.ALLOCATION_RUNS.name: _Kind(documents.allocation_run, t.documents, "document_id"),
    topics.INVOICES.name: _Kind(invoices.version, t.invoices, "invoice_id"),
    topics.INVOICE_RUNS.name: _Kind(documents.invoice_run, t.documents, "document_id"),
}

TOPICS: Final = tuple(_KINDS)


class RecordReader:
    """The handler of the stream of records."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def __call__(self, conn: AsyncConnection, batch: Batch) -> None:
        """Apply a batch, topic by topic."""
        by_topic: dict[str, list[Any]] = {}
        for record in batch.records:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, records in sorted(by_topic.items()):
            kind = _KINDS[topic.removeprefix(self._prefix)]
            found = list(_read(kind, records, batch))
            if found:
                accepted = await versions.apply(conn, kind.table, kind.key, found, batch)
                await _supersede(conn, topic, accepted)


def _read(kind: _Kind, records: list[Any], batch: Batch) -> Iterator[Version]:
    for record in records:
        try:
            yield _checked(kind, record)
        except Reject as error:
            batch.reject(record, error.code, str(error))
        except (msgspec.DecodeError, UnknownCurrency, AmountOutOfRange, ArithmeticError) as error:
            batch.reject(record, Unreadable.code, f"{type(error).__name__}: {error}")


def _checked(kind: _Kind, record: Any) -> Version:
    value_of(record)
    version = kind.read(record)
    if currency := version.row.get("currency"):
        minor_unit(currency)
    for value in version.row.values():
        if isinstance(value, Decimal):
            from_units(to_units(value))
    return version


async def _supersede(conn: AsyncConnection, topic: str, accepted: list[Version]) -> None:
    """A higher revision replaces the whole record, so what was refused under its key no longer matters."""
    keys = {version.record.key: version.revision for version in accepted if version.revision > 1}
    if not keys:
        return
    letters = t.stream_tables.letters
    query = select(letters.c.dead_letter_id, letters.c.key).where(letters.c.topic == topic, letters.c.state == "open")
    settled = [found for found, key in await conn.execute(query) if bytes(key) in keys]
    if settled:
        await dead_letters.settle(conn, letters, settled, "superseded")
