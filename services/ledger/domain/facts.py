"""What the ledger knows about one billing period, as plain values: the input of posting and reconciliation.

Amounts are exact decimals in the currency beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Basis = Literal["BilledCost", "EffectiveCost"]


@dataclass(frozen=True, slots=True)
class DeliveryFact:
    """A delivery that is complete here. (source, ordinal) orders deliveries the same way on every run."""

    delivery_id: str
    source: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class CostTotal:
    """The cost events of one delivery, issuer and provider invoice. `rows` counts charges minus retractions."""

    delivery_id: str
    currency: str
    issuer: str
    invoice_id: str | None
    rows: int
    billed: Decimal
    effective: Decimal


@dataclass(frozen=True, slots=True)
class ProviderInvoice:
    """What a provider asks to be paid. A voided invoice asks for nothing."""

    issuer: str
    invoice_id: str
    currency: str
    amount: Decimal
    status: Literal["Open", "Issued", "Voided"]


@dataclass(frozen=True, slots=True)
class AllocationTotal:
    """The live allocation lines of one cost center, kind, issuer and provider invoice."""

    currency: str
    cost_center: str
    kind: Literal["direct", "shared", "suspense"]
    issuer: str
    invoice_id: str | None
    lines: int
    billed: Decimal
    effective: Decimal

    def amount(self, basis: Basis) -> Decimal:
        """The cost in the basis that is charged."""
        return self.billed if basis == "BilledCost" else self.effective


@dataclass(frozen=True, slots=True)
class Document:
    """An issued internal invoice: `total` in minor units, `exact_total` as allocated, rounding = total - exact."""

    number: str
    currency: str
    cost_center: str
    total: Decimal
    exact_total: Decimal
    rounding: Decimal


@dataclass(frozen=True, slots=True)
class Month:
    """Everything about one billing period. None for `allocations` or `documents`: there are none to go by yet."""

    billing_period: str
    deliveries: tuple[DeliveryFact, ...]
    costs: tuple[CostTotal, ...]
    provider_invoices: tuple[ProviderInvoice, ...] = ()
    basis: Basis = "EffectiveCost"
    rule_version: str = ""
    allocations: tuple[AllocationTotal, ...] | None = None
    documents: tuple[Document, ...] | None = None

    def currencies(self) -> list[str]:
        """Every currency that occurs, sorted."""
        parts = (self.costs, self.provider_invoices, self.allocations or (), self.documents or ())
        return sorted({fact.currency for part in parts for fact in part})
