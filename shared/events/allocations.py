"""The allocator's contracts: allocation lines, runs with control totals, rule sets and cost centers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.events.base import Amount, BillingPeriod, Contract, Currency, encode

SUSPENSE: str = "SUSPENSE"
"""The reserved cost center id of cost that no rule gives to anyone."""


class CostCenter(Contract, frozen=True, kw_only=True):
    """Who can owe. A higher revision replaces a lower one."""

    cost_center_id: str
    name: str
    owner: str = ""
    revision: Annotated[int, msgspec.Meta(ge=1)] = 1


class RuleSetVersion(Contract, frozen=True, kw_only=True):
    """A rule set as applied; `version` is the hash of its content, so a version never changes."""

    name: str
    version: str
    effective_from: BillingPeriod
    basis: Literal["BilledCost", "EffectiveCost"]
    applied_by: str
    document: str
    approved_by: str | None = None


class Origin(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """The grain of an allocation line: the provider rows it came from are those with these values."""

    issuer: str
    invoice_id: str | None
    service_provider: str
    service_name: str
    billing_account_id: str
    sub_account_id: str | None
    charge_category: str
    charge_class: str | None


class TraceStep(Contract, frozen=True, kw_only=True):
    """A pool that cost went through on its way to another, and the share of it that went on: `weight / weight_total`.

    Without a share all of it went on, or the days of the month went on by different shares.
    """

    pool: str
    method: str | None = None
    weight: Amount | None = None
    weight_total: Amount | None = None


class Allocation(Contract, frozen=True, kw_only=True):
    """What one cost center gets of one origin by one rule (and pool), in both cost bases.

    `allocation_id` is stable over runs. A changed line has the next `revision`; a line that a later run does not
    have any more is published with zero amounts and `withdrawn`. `weight / weight_total` is the share of the pool;
    direct lines have none. `path` names the pools that the cost went through, first to last; `method`, `weight` and
    `leg` (which part of the division it is, such as what a cap spills) are those of the last one, `trace` has those of
    the others. `partition` has the values that pools on the way divide by, but for the day. Weights may be integers of
    many digits.

    A line on the adjustments topic never changes (revision 1). Its `billing_period` is the closed one that it adjusts,
    `adjusts` the `allocation_id` of the line that it adds to, which may be new, and `adjustment` which of the period's
    adjustments it belongs to, from 1. Its share is the one that holds now, of all of the cost. Both are missing on the
    allocations topic.
    """

    allocation_id: str
    revision: Annotated[int, msgspec.Meta(ge=1)]
    run_id: str
    billing_period: BillingPeriod
    currency: Currency
    cost_center: str
    kind: Literal["direct", "shared", "suspense"]
    billed_cost: Amount
    effective_cost: Amount
    origin: Origin
    rule_id: str
    rule_set: str
    rule_set_version: str
    method: str | None = None
    path: list[str] = []
    weight: Amount | None = None
    weight_total: Amount | None = None
    withdrawn: bool = False
    leg: str | None = None
    partition: dict[str, str | None] = {}
    trace: list[TraceStep] = []
    adjusts: str | None = None
    adjustment: Annotated[int, msgspec.Meta(ge=1)] | None = None


class AllocationTotals(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """Control totals of a run in one currency. `cost_*` is what went in; allocated + suspense is what came out."""

    currency: Currency
    events: int
    cost_billed: Amount
    cost_effective: Amount
    lines: int
    allocated_billed: Amount
    allocated_effective: Amount
    suspense_billed: Amount
    suspense_effective: Amount


class AllocationRun(Contract, frozen=True, kw_only=True):
    """The end of a run: what a consumer must have for the billing period before it acts.

    `lines_hash` is the sum modulo 2**256 of the sha256 of each live (not withdrawn) line's `line_content`, hex;
    adding makes it independent of order. `drivers_hash` is a hash of the driver measurements that the run looked at,
    and `drivers_ordinal` the last one that had arrived; both are missing if its rules use none. `earlier_runs`
    has the runs of earlier months, by month, whose lines refunds of their charges were split by.
    """

    run_id: str
    billing_period: BillingPeriod
    kind: Literal["preview", "final"]
    close_id: str | None
    rule_set: str
    rule_set_version: str
    basis: Literal["BilledCost", "EffectiveCost"]
    deliveries: list[str]
    totals: list[AllocationTotals]
    lines_hash: str
    changed_lines: int
    drivers_hash: str | None = None
    drivers_ordinal: int | None = None
    earlier_runs: dict[BillingPeriod, str] = {}


class AdjustmentRun(Contract, frozen=True, kw_only=True):
    """The end of an adjustment: what is allocated in a closed billing period beyond its final run and the adjustments
    before, because cost or driver measurements came after the close.

    `number` counts the period's adjustments from 1, and `close_id` names the close. `deliveries` are those that brought
    cost since, none if only drivers changed. In `totals`, `cost_*` is what came in since, and allocated + suspense
    where it went; all are differences and may be negative. The rules are those of the final run, and the drivers are
    measured as they are now. `lines_hash` is over this adjustment's lines as that of a run is over its own.
    """

    run_id: str
    billing_period: BillingPeriod
    number: Annotated[int, msgspec.Meta(ge=1)]
    close_id: str
    rule_set: str
    rule_set_version: str
    basis: Literal["BilledCost", "EffectiveCost"]
    deliveries: list[str]
    totals: list[AllocationTotals]
    lines_hash: str
    drivers_hash: str | None = None
    drivers_ordinal: int | None = None
    earlier_runs: dict[BillingPeriod, str] = {}


def line_content(line: Allocation) -> bytes:
    """The part of a line that a revision fixes: all but the revision and the run that wrote it."""
    return encode(msgspec.structs.replace(line, revision=1, run_id=""))
