"""Small records kept as they came: deliveries, provider invoices, allocation runs and invoice runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.store.tables import documents
from services.ledger.store.versions import Version
from shared.events import AllocationRun, Contract, Delivery, InvoiceRun, ProviderInvoice, decode, encode

C = TypeVar("C", bound=Contract)


def delivery(record: Any) -> Version:
    """A delivery concerns every period it published, holds or rejected rows of."""
    found = decode(Delivery, record.value)
    periods = {one.billing_period for one in (*found.published, *found.snapshot)} | set(found.rejected_periods)
    return _version(record, "delivery", found.delivery_id, 1, sorted(periods), found)


def provider_invoice(record: Any) -> Version:
    """A provider invoice is known by issuer, number, period and currency; which file it came in does not matter."""
    found = msgspec.structs.replace(decode(ProviderInvoice, record.value), source_file="")
    key = f"{found.issuer}/{found.invoice_id}/{found.billing_period}/{found.currency}"
    return _version(record, "provider-invoice", key, found.revision, [found.billing_period], found)


def allocation_run(record: Any) -> Version:
    """An allocation run never changes."""
    found = decode(AllocationRun, record.value)
    return _version(record, "allocation-run", found.run_id, 1, [found.billing_period], found)


def invoice_run(record: Any) -> Version:
    """An invoice run moves from drafted to approved to issued by revisions of one close."""
    found = decode(InvoiceRun, record.value)
    return _version(record, "invoice-run", found.close_id, found.revision, [found.billing_period], found)


def _version(record: Any, kind: str, key: str, revision: int, periods: Sequence[str], found: Contract) -> Version:
    body = encode(found)
    content = hashlib.sha256(body).digest()
    document_id = f"{kind}/{key}"
    row = {
        "document_id": document_id, "kind": kind, "revision": revision, "billing_periods": list(periods),
        "content": content, "body": body,
    }  # fmt: skip
    return Version(record, document_id, revision, content, row)


async def deliveries(conn: AsyncConnection, billing_period: str | None = None) -> list[Delivery]:
    """Deliveries, of a period or all, by source and ordinal."""
    found = await _read(conn, Delivery, "delivery", billing_period)
    return sorted(found, key=lambda one: (one.source, one.ordinal))


async def provider_invoices(conn: AsyncConnection, billing_period: str) -> list[ProviderInvoice]:
    """The newest revision of each provider invoice of a period."""
    return await _read(conn, ProviderInvoice, "provider-invoice", billing_period)


async def allocation_runs(conn: AsyncConnection, billing_period: str) -> list[AllocationRun]:
    """The period's allocation runs as they arrived, the newest last."""
    return await _read(conn, AllocationRun, "allocation-run", billing_period)


async def invoice_run_of(conn: AsyncConnection, close_id: str) -> InvoiceRun | None:
    """The newest state of the invoice run of one close."""
    where = documents.c.document_id == f"invoice-run/{close_id}"
    body = (await conn.execute(select(documents.c.body).where(where))).scalar_one_or_none()
    return None if body is None else decode(InvoiceRun, body)


async def _read(conn: AsyncConnection, kind: type[C], name: str, billing_period: str | None) -> list[C]:
    where: list[ColumnElement[bool]] = [documents.c.kind == name]
    if billing_period is not None:
        where.append(documents.c.billing_periods.contains([billing_period]))
    query = select(documents.c.body).where(*where).order_by(documents.c.arrival)
    return [decode(kind, body) for body in (await conn.execute(query)).scalars()]
