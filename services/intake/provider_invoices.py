"""Provider invoices: state with revisions, compared by content. Delivering the same file again publishes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.invoices import InvoiceContent, InvoiceKey, next_revision
from services.intake.tables import SERVICE, STREAM_TABLES, provider_invoices
from shared.database import lock_transaction
from shared.events import ProviderInvoice, encode
from shared.outbox import enqueue
from shared.publisher import Outgoing, cloud_event_headers
from shared.topics import PROVIDER_INVOICES

_EVENT_TYPE = "finops.provider-invoice.v1"
_KEYS_AT_ONCE = 1_000
_KEY = list(provider_invoices.primary_key)


async def take_in(conn: AsyncConnection, prefix: str, file: str, delivered: Mapping[InvoiceKey, InvoiceContent]) -> int:
    """Keep and publish what is new or has changed, in the caller's transaction; returns how many those are."""
    await lock_transaction(conn, SERVICE, "provider-invoices")
    known = await _known(conn, delivered)
    changed = [
        ProviderInvoice(
            **key._asdict(), amount=content.amount, status=content.status, revision=revision, source_file=file
        )
        for key, content in sorted(delivered.items())
        if (revision := next_revision(known.get(key), content)) is not None
    ]
    if changed:
        await _keep(conn, changed)
        await enqueue(conn, STREAM_TABLES.outbox, [_outgoing(invoice, prefix) for invoice in changed])
    return len(changed)


async def publish_again(conn: AsyncConnection, prefix: str, periods: Collection[str]) -> int:
    """Publish what is known, of some billing periods or of all, under the revisions it has; returns how many."""
    query = select(provider_invoices).order_by(*_KEY)
    if periods:
        query = query.where(provider_invoices.c.billing_period.in_(periods))
    known = [ProviderInvoice(**row._mapping) for row in await conn.execute(query)]
    await enqueue(conn, STREAM_TABLES.outbox, [_outgoing(invoice, prefix) for invoice in known])
    return len(known)


async def _known(
    conn: AsyncConnection, delivered: Mapping[InvoiceKey, InvoiceContent]
) -> dict[InvoiceKey, tuple[InvoiceContent, int]]:
    known = {}
    keys = iter(delivered)
    while some := list(islice(keys, _KEYS_AT_ONCE)):
        for row in await conn.execute(select(provider_invoices).where(tuple_(*_KEY).in_(some))):
            key = InvoiceKey(row.issuer, row.invoice_id, row.billing_period, row.currency)
            known[key] = (InvoiceContent(row.amount, row.status), row.revision)
    return known


async def _keep(conn: AsyncConnection, changed: list[ProviderInvoice]) -> None:
    names = [column.name for column in provider_invoices.columns]
    rows = [{name: getattr(invoice, name) for name in names} for invoice in changed]
    statement = insert(provider_invoices)
    newer = {name: statement.excluded[name] for name in names if name not in InvoiceKey._fields}
    await conn.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=newer), rows)


def _outgoing(invoice: ProviderInvoice, prefix: str) -> Outgoing:
    key = f"{invoice.issuer}/{invoice.invoice_id}/{invoice.billing_period}/{invoice.currency}"
    headers = cloud_event_headers(_EVENT_TYPE, f"{key}/{invoice.revision}", SERVICE)
    return Outgoing(prefix + PROVIDER_INVOICES.name, key.encode(), encode(invoice), headers)
