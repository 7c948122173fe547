"""The ledger's contracts: the state of a billing period, and its reconciliation."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.events.base import Amount, BillingPeriod, Contract, Currency


class Break(Contract, frozen=True, kw_only=True):
    """Something that does not add up and keeps a period from closing: what, by how much, and whose it is to mend."""

    code: str
    stage: Literal["provider-invoice", "costs", "allocations", "invoices", "books"]
    key: str
    currency: Currency | None
    expected: str
    actual: str
    difference: Amount | None
    owner: str
    message: str


class Stages(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """The figures of the five stages in one currency; `provider_invoiced` is null when no invoice was given."""

    currency: Currency
    rows: int
    billed_cost: Amount
    effective_cost: Amount
    provider_invoiced: Amount | None
    allocated: Amount
    suspense: Amount
    invoiced: Amount
    rounding: Amount
    documents: int


class Reconciliation(Contract, frozen=True, kw_only=True):
    """One comparison of all stages of a billing period."""

    billing_period: BillingPeriod
    revision: Annotated[int, msgspec.Meta(ge=1)]
    basis: Literal["BilledCost", "EffectiveCost"] | None
    stages: list[Stages]
    breaks: list[Break]
    notes: list[str] = []


class Period(Contract, frozen=True, kw_only=True):
    """The state of a billing period. A `closing` record asks the allocator for the final run over `deliveries`."""

    billing_period: BillingPeriod
    revision: Annotated[int, msgspec.Meta(ge=1)]
    state: Literal["open", "closing", "closed", "blocked"]
    close_id: str | None = None
    requested_by: str | None = None
    deliveries: list[str] = []
    breaks: list[Break] = []
    chain_head: str | None = None
