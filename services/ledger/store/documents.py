"""Small records kept as they came: deliveries, holds, provider invoices, allocation runs and invoice runs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.store.tables import documents
from services.ledger.store.versions import Version
from shared.events import (
    AllocationRun,
    Contract,
    Delivery,
    DeliveryHold,
    InvoiceRun,
    ProviderInvoice,
    decode,
    encode,
)
from shared.rejections import periods_of

C = TypeVar("C", bound=Contract)

_NO_PERIOD: Final = func.cardinality(documents.c.billing_periods) == 0


def delivery(record: Any) -> Version:
    """A delivery concerns every period it published, holds or rejected rows of."""
    found = decode(Delivery, record.value)
    return _version(record, "delivery", found.delivery_id, 1, sorted(periods_of(found)), found)


def hold(record: Any) -> Version:
    """A hold concerns the periods that the delivery's rows tell; none if none does."""
    found = decode(DeliveryHold, record.value)
    periods = {scope.billing_period for scope in found.scopes}
    return _version(record, "hold", found.delivery_id, found.revision, sorted(periods), found)


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


async def any_unplaced(conn: AsyncConnection) -> bool:
    """Whether there is a delivery in which no row tells a billing period."""
    query = select(documents.c.document_id).where(documents.c.kind == "delivery", _NO_PERIOD)
    return (await conn.execute(query.limit(1))).first() is not None


async def complete(conn: AsyncConnection, delivery_ids: Collection[str]) -> set[str]:
    """Which of some deliveries' records are here."""
    wanted = {f"delivery/{one}": one for one in delivery_ids}
    query = select(documents.c.document_id).where(documents.c.document_id.in_(wanted))
    return {wanted[found] for found in (await conn.execute(query)).scalars()}


async def holds(conn: AsyncConnection, billing_period: str) -> list[DeliveryHold]:
    """What is known of held deliveries that concern a period or tell none, by source and ordinal."""
    concerned = or_(documents.c.billing_periods.contains([billing_period]), _NO_PERIOD)
    query = select(documents.c.body).where(documents.c.kind == "hold", concerned)
    found = [decode(DeliveryHold, body) for body in (await conn.execute(query)).scalars()]
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
