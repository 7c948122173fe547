"""Intake's contracts for the FOCUS datasets beside Cost and Usage: lines of invoices, billing periods, commitments.

Each record is one row of the dataset, in the columns of FOCUS 1.4 under their own names: null columns are left out,
amounts are decimal strings, JSON columns are objects. A higher revision replaces a lower one of the same key.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from shared.events.base import BillingPeriod, Contract

Revision = Annotated[int, msgspec.Meta(ge=1)]


class InvoiceDetail(Contract, frozen=True, kw_only=True):
    """One line of a provider's invoice, which `ProviderInvoice` adds up.

    A delivered invoice replaces its lines: one that it does not have any more is `withdrawn` and counts for nothing.
    """

    issuer: str
    invoice_id: str
    invoice_detail_id: str
    billing_period: BillingPeriod
    revision: Revision
    row: Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/$defs/FocusInvoiceDetail"})]
    custom: dict[str, str] = {}
    source_file: str = ""
    withdrawn: bool = False


class ProviderBillingPeriod(Contract, frozen=True, kw_only=True):
    """Whether an invoice issuer may still add charges to a billing period: `BillingPeriodStatus` is Open or Closed.

    This is the provider's period; `Period` is the state of the own books.
    """

    issuer: str
    billing_period_start: str
    billing_period: BillingPeriod
    revision: Revision
    row: Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/$defs/FocusBillingPeriod"})]
    custom: dict[str, str] = {}
    source_file: str = ""


class ContractCommitment(Contract, frozen=True, kw_only=True):
    """What was agreed to spend or use, from one source: FOCUS 1.3 names no provider beside the commitment's id."""

    source: str
    contract_commitment_id: str
    revision: Revision
    row: Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/$defs/FocusContractCommitment"})]
    custom: dict[str, str] = {}
    source_file: str = ""
