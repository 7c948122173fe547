"""Internal invoices, newest revision each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.amounts import subtract
from services.ledger.domain.facts import Document
from services.ledger.domain.hand_overs import Figures
from services.ledger.store.tables import invoices
from services.ledger.store.versions import Version
from shared.errors import Reject
from shared.events import Invoice, InvoiceRun, decode
from shared.money import ZERO, add, total


class InvoiceContradictsItself(Reject):
    """An invoice whose lines do not add up to what it says."""

    code = "contradicts-itself"

    def __init__(self, invoice_id: str, what: str) -> None:
        self.invoice_id, self.what = invoice_id, what
        super().__init__(f"invoice {invoice_id}: {what}; an invoice must add up by itself, so its writer is at fault")


def version(record: Any) -> Version:
    """An internal invoice as it is stored, after its own arithmetic is checked."""
    invoice = decode(Invoice, record.value)
    _check(invoice)
    content = hashlib.sha256(record.value).digest()
    row = {
        "invoice_id": invoice.invoice_id, "revision": invoice.revision, "status": invoice.status,
        "number": invoice.number, "billing_period": invoice.billing_period, "currency": invoice.currency,
        "cost_center": invoice.cost_center, "lines": len(invoice.lines), "total": invoice.total,
        "exact_total": invoice.exact_total, "rounding": invoice.rounding, "content": content,
    }  # fmt: skip
    return Version(record, invoice.invoice_id, invoice.revision, content, row)


def _check(invoice: Invoice) -> None:
    lines = total(line.amount for line in invoice.lines)
    exact = total(line.exact_amount for line in invoice.lines)
    rules = (
        (lines == invoice.total, f"its lines add up to {lines:f}, its total is {invoice.total:f}"),
        (exact == invoice.exact_total, f"its exact amounts add up to {exact:f}, not to {invoice.exact_total:f}"),
        (add(invoice.direct, invoice.shared) == invoice.total, "direct + shared is not its total"),
        (subtract(invoice.total, invoice.exact_total) == invoice.rounding, "total - exact total is not its rounding"),
        (invoice.status != "issued" or bool(invoice.number), "it is issued without a number"),
    )
    for holds, what in rules:
        if not holds:
            raise InvoiceContradictsItself(invoice.invoice_id, what)


class Issued(NamedTuple):
    """An issued invoice, with its number of lines and the hash of the record it came in."""

    invoice_id: str
    document: Document
    lines: int
    content: bytes


async def issued(conn: AsyncConnection, billing_period: str) -> list[Issued]:
    """The issued invoices of a period by invoice id."""
    i = invoices.c
    fields = (i.number, i.currency, i.cost_center, i.total, i.exact_total, i.rounding)
    query = select(i.invoice_id, i.lines, i.content, *fields).where(
        i.billing_period == billing_period, i.status == "issued"
    )
    found = await conn.execute(query)
    return sorted(Issued(key, Document(*rest), lines, bytes(content)) for key, lines, content, *rest in found)


def documents_hash(found: Sequence[Issued]) -> str:
    """The hash over the invoices' content hashes, by invoice id, as an invoice run states it."""
    return hashlib.sha256("".join(one.content.hex() for one in found).encode()).hexdigest()


def figures(found: Sequence[Issued]) -> dict[str, Figures]:
    """What an invoice run's control totals should say, by currency."""
    result: dict[str, dict[str, int | Decimal]] = {}
    for _, one, lines, _ in found:
        sums = result.setdefault(one.currency, {})
        sums["documents"] = int(sums.get("documents", 0)) + 1
        sums["lines"] = int(sums.get("lines", 0)) + lines
        for name, amount in (("invoiced", one.total), ("allocated", one.exact_total), ("rounding", one.rounding)):
            sums[name] = add(Decimal(sums.get(name, ZERO)), amount)
    return dict(result)


def said(run: InvoiceRun) -> dict[str, Figures]:
    """What an invoice run's control totals do say, by currency."""
    return {
        one.currency: {
            "documents": one.documents, "lines": one.lines, "invoiced": one.invoiced,
            "allocated": one.allocated, "rounding": one.rounding,
        }
        for one in run.totals
    }  # fmt: skip
