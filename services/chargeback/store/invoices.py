"""Invoices, the run they belong to, and document numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.chargeback.store.tables import invoice_runs, invoices, number_counters
from shared.events import Invoice, InvoiceRun, content_hash, decode, encode

_STREAM_DOCUMENTS = 200


async def run(conn: AsyncConnection, billing_period: str) -> InvoiceRun | None:
    """The invoice run of a period, if there is one."""
    query = select(invoice_runs.c.body).where(invoice_runs.c.billing_period == billing_period)
    body = (await conn.execute(query)).scalar_one_or_none()
    return None if body is None else decode(InvoiceRun, body)


async def runs_with_status(conn: AsyncConnection, status: str) -> list[InvoiceRun]:
    """All invoice runs in a status, oldest period first."""
    query = select(invoice_runs.c.body).where(invoice_runs.c.status == status).order_by(invoice_runs.c.billing_period)
    return [decode(InvoiceRun, body) for body in (await conn.execute(query)).scalars()]


async def lines_hash(conn: AsyncConnection, billing_period: str) -> str | None:
    """The hash of the allocation lines that a period's invoices were drafted from."""
    query = select(invoice_runs.c.lines_hash).where(invoice_runs.c.billing_period == billing_period)
    return (await conn.execute(query)).scalar_one_or_none()


async def keep_run(conn: AsyncConnection, new: InvoiceRun, lines: str | None = None) -> None:
    """Write a period's invoice run; `lines` is the lines hash, kept as it is when not given."""
    values = {"status": new.status, "body": encode(new)} | ({} if lines is None else {"lines_hash": lines})
    if lines is None:
        await conn.execute(
            update(invoice_runs).where(invoice_runs.c.billing_period == new.billing_period).values(**values)
        )
        return
    statement = insert(invoice_runs).values(billing_period=new.billing_period, **values)
    await conn.execute(statement.on_conflict_do_update(index_elements=["billing_period"], set_=values))


async def remove_drafts(conn: AsyncConnection, billing_period: str) -> None:
    """Remove a period's drafts, before they are drafted anew. Documents with a number can't be removed."""
    ours = invoices.c.billing_period == billing_period
    numbered = (await conn.execute(select(invoices.c.number).where(ours, invoices.c.number.is_not(None)))).first()
    assert numbered is None, f"{numbered} is issued: it stays"
    await conn.execute(delete(invoices).where(ours))


async def insert_drafts(conn: AsyncConnection, documents: Sequence[tuple[Invoice, bytes]]) -> None:
    """Insert drafts with their encoded documents."""
    await conn.execute(invoices.insert(), [_row(invoice, document) for invoice, document in documents])


async def freeze(conn: AsyncConnection, documents: Sequence[tuple[Invoice, bytes]]) -> None:
    """Write issued documents, which carry their numbers, over their drafts."""
    statement = (
        update(invoices)
        .where(invoices.c.invoice_id == bindparam("key"), invoices.c.number.is_(None))
        .values(number=bindparam("given"), content_hash=bindparam("hash"), document=bindparam("frozen"))
    )
    await conn.execute(
        statement,
        [
            {"key": invoice.invoice_id, "given": invoice.number, "hash": content_hash(document), "frozen": document}
            for invoice, document in documents
        ],
    )


async def document_keys(conn: AsyncConnection, billing_period: str) -> list[tuple[str, str, str]]:
    """(cost center, currency, invoice id) of a period's documents."""
    query = select(invoices.c.cost_center, invoices.c.currency, invoices.c.invoice_id).where(
        invoices.c.billing_period == billing_period
    )
    return [(row[0], row[1], row[2]) for row in await conn.execute(query)]


async def stream_documents(conn: AsyncConnection, billing_period: str) -> AsyncIterator[Sequence[bytes]]:
    """Stream a period's documents in chunks, by cost center and currency in code point order: that of the numbers."""
    query = (
        select(invoices.c.document)
        .where(invoices.c.billing_period == billing_period)
        .order_by(invoices.c.cost_center.collate("C"), invoices.c.currency)
        .execution_options(yield_per=_STREAM_DOCUMENTS)
    )
    async with conn.stream_scalars(query) as documents:
        async for chunk in documents.partitions():
            yield chunk


async def issued_totals(conn: AsyncConnection, billing_period: str) -> dict[tuple[str, str], Decimal]:
    """What a period's issued invoices charged, by cost center and currency."""
    query = select(invoices.c.cost_center, invoices.c.currency, invoices.c.total).where(
        invoices.c.billing_period == billing_period, invoices.c.number.is_not(None)
    )
    return {(row[0], row[1]): row[2] for row in await conn.execute(query)}


async def take_numbers(conn: AsyncConnection, issuer: str, year: int, count: int) -> int:
    """Take consecutive sequences of an issuer's year and return the first.

    The counter row stays locked until the transaction ends: who rolls back gives the numbers back, so no gap appears.
    """
    key = (number_counters.c.issuer == issuer) & (number_counters.c.year == year)
    await conn.execute(
        insert(number_counters).values(issuer=issuer, year=year, next_sequence=1).on_conflict_do_nothing()
    )
    locked = select(number_counters.c.next_sequence).where(key).with_for_update()
    first = int((await conn.execute(locked)).scalar_one())
    await conn.execute(update(number_counters).where(key).values(next_sequence=first + count))
    return first


async def find(conn: AsyncConnection, invoice_id_or_number: str) -> bytes | None:
    """One document by its id or its number."""
    query = select(invoices.c.document).where(
        (invoices.c.invoice_id == invoice_id_or_number) | (invoices.c.number == invoice_id_or_number)
    )
    return (await conn.execute(query)).scalar_one_or_none()


async def listing(conn: AsyncConnection, billing_period: str | None, status: str | None) -> list[dict[str, Any]]:
    """Header rows of invoices, without their lines. A document's status is that of its run."""
    query: Select[Any] = (
        select(
            invoices.c.invoice_id, invoices.c.number, invoices.c.billing_period, invoices.c.cost_center,
            invoices.c.currency, invoice_runs.c.status, invoices.c.total, invoices.c.lines,
        )
        .join(invoice_runs, invoice_runs.c.billing_period == invoices.c.billing_period)
        .order_by(invoices.c.billing_period, invoices.c.cost_center.collate("C"), invoices.c.currency)
    )  # fmt: skip
    if billing_period is not None:
        query = query.where(invoices.c.billing_period == billing_period)
    if status is not None:
        query = query.where(invoice_runs.c.status == status)
    return [dict(row._mapping) for row in await conn.execute(query)]


def _row(invoice: Invoice, document: bytes) -> dict[str, Any]:
    return {
        "invoice_id": invoice.invoice_id, "billing_period": invoice.billing_period,
        "cost_center": invoice.cost_center, "currency": invoice.currency, "number": invoice.number,
        "total": invoice.total, "lines": len(invoice.lines), "content_hash": content_hash(document),
        "document": document,
    }  # fmt: skip
