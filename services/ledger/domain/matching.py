"""Stage A against stage B: what the providers ask to be paid, against the BilledCost of the cost events.

An issuer is matched invoice by invoice when all its cost carries an InvoiceId, and as a whole otherwise. A difference
within the FOCUS tolerance is posted as variance; beyond it the period cannot close.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from services.ledger.domain.amounts import magnitude, subtract
from services.ledger.domain.facts import CostTotal, ProviderInvoice
from shared.money import ZERO, add, minor_unit, round_half_even, tolerance, total


@dataclass(frozen=True, slots=True)
class Match:
    """One comparison. `invoice_id` is None when the issuer is matched as a whole; no `invoices`: none was given."""

    issuer: str
    invoice_id: str | None
    currency: str
    rows: int
    billed: Decimal
    invoices: tuple[ProviderInvoice, ...]

    @property
    def invoiced(self) -> Decimal:
        """What the provider asks for."""
        return total(invoice.amount for invoice in self.invoices)

    @property
    def difference(self) -> Decimal:
        """Cost events minus provider invoice."""
        return subtract(self.billed, self.invoiced)

    @property
    def tolerance(self) -> Decimal:
        """What FOCUS tolerates for this number of rows."""
        return tolerance(self.rows, self.currency)

    @property
    def missing(self) -> bool:
        """Whether cost that rounds to something payable has no invoice at all."""
        return not self.invoices and bool(round_half_even(self.billed, minor_unit(self.currency)))

    @property
    def agrees(self) -> bool:
        """Whether the difference may be posted as variance."""
        return not self.missing and magnitude(self.difference) <= self.tolerance

    @property
    def key(self) -> str:
        """How pages and breaks name it."""
        return self.issuer if self.invoice_id is None else f"{self.issuer}/{self.invoice_id}"


def match(costs: Iterable[CostTotal], invoices: Iterable[ProviderInvoice]) -> list[Match]:
    """Compare every issuer's cost with its invoices; empty when no provider invoice at all is known."""
    valid = [invoice for invoice in invoices if invoice.status != "Voided"]
    if not valid:
        return []
    live = _merged(costs)
    as_a_whole = {(issuer, currency) for (issuer, currency, invoice_id) in live if invoice_id is None}
    groups: dict[tuple[str, str, str | None], tuple[int, Decimal, list[ProviderInvoice]]] = {}
    for (issuer, currency, invoice_id), (rows, billed) in live.items():
        key = (issuer, currency, None if (issuer, currency) in as_a_whole else invoice_id)
        known_rows, known_billed, documents = groups.get(key, (0, ZERO, []))
        groups[key] = (known_rows + rows, add(known_billed, billed), documents)
    for invoice in valid:
        whole = (invoice.issuer, invoice.currency) in as_a_whole
        key = (invoice.issuer, invoice.currency, None if whole else invoice.invoice_id)
        groups.setdefault(key, (0, ZERO, []))[2].append(invoice)
    return [
        Match(issuer, invoice_id, currency, rows, billed, tuple(sorted(documents, key=lambda one: one.invoice_id)))
        for (issuer, currency, invoice_id), (rows, billed, documents) in sorted(groups.items(), key=_order)
    ]


def _merged(costs: Iterable[CostTotal]) -> dict[tuple[str, str, str | None], tuple[int, Decimal]]:
    """Rows and BilledCost per issuer, currency and invoice over all deliveries; fully retracted ones are gone."""
    sums: dict[tuple[str, str, str | None], tuple[int, Decimal]] = {}
    for cost in costs:
        key = (cost.issuer, cost.currency, cost.invoice_id)
        rows, billed = sums.get(key, (0, ZERO))
        sums[key] = (rows + cost.rows, add(billed, cost.billed))
    return {key: (rows, billed) for key, (rows, billed) in sums.items() if rows or billed}


def _order(item: tuple[tuple[str, str, str | None], object]) -> tuple[str, str, str]:
    (issuer, currency, invoice_id), _ = item
    return issuer, currency, invoice_id or ""
