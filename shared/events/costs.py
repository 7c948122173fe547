"""Intake's contracts: cost events, the deliveries they belong to, and provider invoices."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from shared.events.base import Amount, BillingPeriod, Contract, Currency, Totals

Sequence = Annotated[int, msgspec.Meta(ge=0)]


class CostEvent(Contract, frozen=True, kw_only=True):
    """One FOCUS charge that appeared in a delivery, or one that vanished since the delivery before.

    A `retraction` repeats the vanished row with every cost and quantity negated, so that consumers only ever add.
    `charge` holds the FOCUS 1.4 columns under their own names (null columns are left out; costs, prices and
    quantities are decimal strings; `Tags` is an object) and `custom` the `x_` columns as text.
    """

    delivery_id: str
    partition: Sequence
    sequence: Sequence
    kind: Literal["charge", "retraction"]
    billing_period: BillingPeriod
    charge_day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="First UTC day of the charge")]
    row_hash: Annotated[str, msgspec.Meta(description="Hash of the normalised row, hex")]
    occurrence: Annotated[int, msgspec.Meta(ge=0, description="Numbers equal rows of one delivery from 0")]
    charge: Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/$defs/FocusCharge"})]
    custom: dict[str, str] = {}
    flags: Annotated[
        list[str],
        msgspec.Meta(
            description="Codes of what to look twice at, see docs/quality.md; none on retractions; not part of the hash"
        ),
    ] = []


class DeliveredFile(Contract, frozen=True, kw_only=True):
    """A file of a delivery as it was received and archived."""

    name: str
    sha256: str
    bytes: int
    rows: int
    focus_version: str


class Finding(Contract, frozen=True, kw_only=True):
    """Something about the data's quality that a person should know, with how many rows it concerns."""

    code: str
    message: str
    rows: int


class DeliveredScope(Contract, frozen=True, kw_only=True):
    """A payer in a billing period."""

    billing_account_id: str | None
    billing_period: BillingPeriod


class RejectedRows(Contract, frozen=True, kw_only=True):
    """How many rows of a payer and period were refused; null where the rows do not tell."""

    rows: Annotated[int, msgspec.Meta(ge=1)]
    billing_account_id: str | None = None
    billing_period: BillingPeriod | None = None


class Delivery(Contract, frozen=True, kw_only=True):
    """The end of a delivery: everything it published, counted and added, for consumers to compare with their own.

    `partition_events[p]` is how many cost events partition `p` got, sequences 0 to n-1. `published` adds the events
    (the difference to the delivery before), `snapshot` the rows that are in force for the delivery's scopes now.
    `replaces` are the scopes that it is the whole truth about: none, if its source only appends. `mends` names earlier
    deliveries of the source whose refused rows it brings. A withdrawal has no files and replaces what was in force by
    nothing; the refused rows of its scopes, and of what it mends, are taken back with them.
    """

    delivery_id: str
    source: str
    ordinal: Annotated[int, msgspec.Meta(ge=1, description="Counts a source's deliveries from 1")]
    received_at: str
    files: list[DeliveredFile]
    partition_events: list[int]
    published: list[Totals]
    snapshot: list[Totals]
    charges: int
    retractions: int
    rejected_rows: int = 0
    rejected_periods: list[BillingPeriod] = []
    findings: list[Finding] = []
    content_hash: Annotated[str, msgspec.Meta(description="sha256 over the published events' row hashes, in order")] = (
        ""
    )
    style: Literal["overwrite", "append"] = "overwrite"
    as_of: Annotated[str, msgspec.Meta(description="When the provider made the snapshot; empty if unknown")] = ""
    replaces: list[DeliveredScope] = []
    rejected: list[RejectedRows] = []
    mends: list[str] = []


class ProviderInvoice(Contract, frozen=True, kw_only=True):
    """What a provider asks to be paid: one invoice, billing period and currency. A higher revision replaces a lower."""

    issuer: str
    invoice_id: str
    billing_period: BillingPeriod
    currency: Currency
    amount: Amount
    revision: Annotated[int, msgspec.Meta(ge=1)]
    status: Literal["Open", "Issued", "Voided"] = "Issued"
    source_file: str = ""
