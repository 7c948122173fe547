"""What chargeback publishes: invoices and the runs they belong to, with their control totals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared import topics
from shared.events import Invoice, InvoiceRun, InvoiceTotals, content_hash, encode
from shared.money import ZERO, add
from shared.publisher import Outgoing, cloud_event_headers

_SERVICE = "chargeback"


@dataclass
class ControlTotals:
    """Adds up documents as they are written, for the run that ends them."""

    _totals: dict[str, InvoiceTotals] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)

    def count(self, invoice: Invoice, document: bytes) -> None:
        """Take in one document with its encoded bytes."""
        known = self._totals.get(invoice.currency) or InvoiceTotals(
            currency=invoice.currency, documents=0, lines=0, invoiced=ZERO, allocated=ZERO, rounding=ZERO
        )
        self._totals[invoice.currency] = InvoiceTotals(
            currency=invoice.currency,
            documents=known.documents + 1,
            lines=known.lines + len(invoice.lines),
            invoiced=add(known.invoiced, invoice.total),
            allocated=add(known.allocated, invoice.exact_total),
            rounding=add(known.rounding, invoice.rounding),
        )
        self._hashes[invoice.invoice_id] = content_hash(document)

    def totals(self) -> list[InvoiceTotals]:
        """The totals by currency."""
        return [self._totals[currency] for currency in sorted(self._totals)]

    def documents_hash(self) -> str:
        """sha256 over the documents' content hashes (hex, concatenated) in the order of their invoice ids."""
        return hashlib.sha256("".join(self._hashes[key] for key in sorted(self._hashes)).encode()).hexdigest()


def invoice_records(prefix: str, documents: Iterable[tuple[Invoice, bytes]]) -> list[Outgoing]:
    """Invoices as records of the invoices topic."""
    topic = prefix + topics.INVOICES.name
    return [
        Outgoing(
            topic,
            invoice.invoice_id.encode(),
            document,
            cloud_event_headers(
                "finops.invoice.v1", f"{invoice.invoice_id}/{invoice.revision}", _SERVICE, invoice.invoice_id
            ),
        )
        for invoice, document in documents
    ]


def run_record(prefix: str, run: InvoiceRun) -> Outgoing:
    """An invoice run as the record that ends the hand-over."""
    period = run.billing_period
    headers = cloud_event_headers("finops.invoice-run.v1", f"{period}/{run.revision}", _SERVICE, period)
    return Outgoing(prefix + topics.INVOICE_RUNS.name, period.encode(), encode(run), headers)
