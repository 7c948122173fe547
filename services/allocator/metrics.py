"""Metrics of allocation runs. Money is shown as gauges from the last run, never as counters of what passed by."""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from prometheus_client import Gauge, Histogram

from shared.events import AdjustmentRun, AllocationRun
from shared.money import CONTEXT, ZERO
from shared.observability import show_amount

RUN_SECONDS: Final = Histogram(
    "apportion_allocator_run_seconds", "Seconds of an allocation run, start to commit", ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)  # fmt: skip
LAST_RUN: Final = Gauge("apportion_allocator_last_run_timestamp_seconds", "When the last run ended", ["period", "kind"])
ALLOCATED: Final = Gauge(
    "apportion_allocator_allocated_amount", "Of the last run, in the basis", ["period", "currency"]
)
SUSPENSE: Final = Gauge("apportion_allocator_suspense_amount", "Of the last run, in the basis", ["period", "currency"])
LINES: Final = Gauge("apportion_allocator_lines", "Live lines of the last run", ["period", "currency"])
BUCKETS: Final = Gauge("apportion_allocator_buckets", "Bucket rows", ["lens"])
WAITING: Final = Gauge("apportion_allocator_runs_waiting", "Billing periods that wait for a run")
COST_RATIO: Final = Gauge(
    "apportion_allocator_cost_ratio",
    "Part of the cost by kind: direct, shared, suspense",
    ["period", "currency", "kind"],
)
ALLOCATED_RATIO: Final = Gauge(
    "apportion_allocator_allocated_ratio", "Part of the cost that has an owner", ["period", "currency"]
)
SUSPENSE_DAYS: Final = Gauge(
    "apportion_allocator_suspense_age_days", "Days that there has been cost in suspense", ["period", "currency"]
)
TAGGED_RATIO: Final = Gauge(
    "apportion_allocator_tagged_ratio", "Part of the cost that carries a tag that rules look at",
    ["period", "currency", "tag"],
)  # fmt: skip
ADJUSTMENTS: Final = Gauge("apportion_allocator_adjustments", "Adjustments of a closed period", ["period"])
ADJUSTED: Final = Gauge(
    "apportion_allocator_adjusted_amount", "Cost that came for a closed period, in the basis", ["period", "currency"]
)
RULES_UNMATCHED: Final = Gauge("apportion_allocator_rules_unmatched", "Rules that matched nothing", ["period"])


def show_key_figures(found: dict[str, Any]) -> None:
    """Set the metrics to a period's key figures; without cost there are no ratios."""
    period = found["billing_period"]
    RULES_UNMATCHED.labels(period).set(len(found["rules_unmatched"]))
    for one in found["currencies"]:
        currency = one["currency"]
        SUSPENSE_DAYS.labels(period, currency).set(one["suspense_days"] or 0)
        if one["allocated_percent"] is None:
            continue
        show_amount(ALLOCATED_RATIO.labels(period, currency), Decimal(one["allocated_percent"]) / 100)
        for kind in ("direct", "shared", "suspense"):
            show_amount(COST_RATIO.labels(period, currency, kind), Decimal(one[f"{kind}_percent"]) / 100)
        for tag in one["tags"]:
            show_amount(TAGGED_RATIO.labels(period, currency, tag["tag"]), Decimal(tag["percent"]) / 100)


def show(run: AllocationRun, seconds: float) -> None:
    """Set the metrics to what a finished run says. Gauges are for looking at: the figures that count are decimals."""
    RUN_SECONDS.labels(run.kind).observe(seconds)
    LAST_RUN.labels(run.billing_period, run.kind).set(time.time())
    for total in run.totals:
        billed = run.basis == "BilledCost"
        allocated = total.allocated_billed if billed else total.allocated_effective
        suspense = total.suspense_billed if billed else total.suspense_effective
        show_amount(ALLOCATED.labels(run.billing_period, total.currency), allocated)
        show_amount(SUSPENSE.labels(run.billing_period, total.currency), suspense)
        LINES.labels(run.billing_period, total.currency).set(total.lines)


def show_adjustments(runs: Iterable[AdjustmentRun]) -> None:
    """Set the metrics to what all adjustments of each closed period add up to."""
    numbers: dict[str, int] = {}
    sums: dict[tuple[str, str], Decimal] = {}
    for run in runs:
        numbers[run.billing_period] = max(run.number, numbers.get(run.billing_period, 0))
        for total in run.totals:
            key = (run.billing_period, total.currency)
            cost = total.cost_billed if run.basis == "BilledCost" else total.cost_effective
            sums[key] = CONTEXT.add(sums.get(key, ZERO), cost)
    for period, number in numbers.items():
        ADJUSTMENTS.labels(period).set(number)
    for key, amount in sums.items():
        show_amount(ADJUSTED.labels(*key), amount)
