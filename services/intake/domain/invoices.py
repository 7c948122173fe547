"""Provider invoices as delivered, and when one needs a new revision."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

Status = Literal["Open", "Issued", "Voided"]


class InvoiceKey(NamedTuple):
    """What identifies a provider invoice: an invoice may cover several periods and currencies."""

    issuer: str
    invoice_id: str
    billing_period: str
    currency: str


@dataclass(frozen=True, slots=True)
class InvoiceContent:
    """What a revision fixes."""

    amount: Decimal
    status: Status


def next_revision(known: tuple[InvoiceContent, int] | None, delivered: InvoiceContent) -> int | None:
    """The revision to publish under; None if the content is the one that is known."""
    if known is None:
        return 1
    content, revision = known
    return None if content == delivered else revision + 1
