"""Chargeback's contracts: internal invoices and the run that issued them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.events.allocations import Origin
from shared.events.base import Amount, BillingPeriod, Contract, Currency


class InvoiceLine(Contract, frozen=True, kw_only=True):
    """One line: the amount charged in minor units, and the exact allocation it was rounded from."""

    line: Annotated[int, msgspec.Meta(ge=1)]
    kind: Literal["direct", "shared"]
    description: str
    amount: Amount
    exact_amount: Amount
    billed_cost: Amount
    effective_cost: Amount
    allocation_id: str
    rule_id: str
    origin: Origin
    method: str | None = None
    path: list[str] = []
    weight: Amount | None = None
    weight_total: Amount | None = None


class Invoice(Contract, frozen=True, kw_only=True):
    """An internal invoice of one cost center, billing period and currency.

    `invoice_id` is derived from period, cost center and currency. `number` is given at issue and never before.
    total = direct + shared = sum of the lines' amounts; exact_total is what was allocated; rounding = total - exact.
    Numbers may not exist on a draft; an issued invoice is frozen.
    """

    invoice_id: str
    revision: Annotated[int, msgspec.Meta(ge=1)]
    status: Literal["draft", "approved", "issued"]
    number: str | None
    billing_period: BillingPeriod
    currency: Currency
    cost_center: str
    cost_center_name: str
    owner: str
    document_date: str
    basis: Literal["BilledCost", "EffectiveCost"]
    rule_set: str
    rule_set_version: str
    direct: Amount
    shared: Amount
    total: Amount
    exact_total: Amount
    rounding: Amount
    previous_total: Amount | None
    prepared_by: str
    approved_by: str | None
    lines: list[InvoiceLine]


class InvoiceTotals(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """Control totals of an invoice run in one currency: invoiced + (-rounding) = allocated, exactly."""

    currency: Currency
    documents: int
    lines: int
    invoiced: Amount
    allocated: Amount
    rounding: Amount


class InvoiceRun(Contract, frozen=True, kw_only=True):
    """The end of an invoice run: drafted from a final allocation run, then approved, then issued as one batch."""

    billing_period: BillingPeriod
    close_id: str
    revision: Annotated[int, msgspec.Meta(ge=1)]
    allocation_run_id: str
    status: Literal["drafted", "approved", "issued"]
    totals: list[InvoiceTotals]
    documents_hash: Annotated[str, msgspec.Meta(description="sha256 over the invoices' content hashes, by invoice id")]
    prepared_by: str
    approved_by: str | None = None
    files: str | None = None
