"""Pools put to work: a few rows in, what every cost center gets out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.drivers import NO_DRIVERS, Drivers, Measurement, Window
from services.allocator.domain.pool import Pool
from services.allocator.domain.rule_set import CHARGE_DAY, Lookup, Rule, RuleSet, Target
from shared.money import CONTEXT

PERIOD = "2026-01"
MONTH = Window.of_month(PERIOD)
CENTERS = ("A", "B", "C")
DIMENSIONS = (*GRAIN, "tag:cluster", CHARGE_DAY)


def cc(name: str) -> Target:
    return Target("cost_center", name)


def ccs(*names: str) -> tuple[Target, ...]:
    return tuple(cc(name) for name in names)


def pool_of(name: str) -> Target:
    return Target("pool", name)


def weights(**of: str | int) -> tuple[tuple[Target, Decimal], ...]:
    return tuple((cc(name), Decimal(weight)) for name, weight in of.items())


def bucket(
    account: str | None, billed: str, effective: str | None = None, currency: str = "USD", *, service: str = "s",
    cluster: str | None = None, day: str | None = None, invoice: str = "inv",
) -> Bucket:  # fmt: skip
    values = (currency, "P", invoice, "P", service, "b", account, "Usage", None, cluster, day)
    return Bucket(values, Decimal(billed), Decimal(billed if effective is None else effective), 1)


def measured(metric: str, window: Window = MONTH, **of: str | int) -> list[tuple[str, Measurement]]:
    """A metric's quantities by subject."""
    return [(metric, Measurement(subject, Decimal(quantity), window)) for subject, quantity in of.items()]


def lines_of(pools: Sequence[Pool], rows: Sequence[Bucket], drivers: Drivers = NO_DRIVERS, **changes: Any) -> list[Any]:
    """Allocate rows whose account is a cost center directly, and the rest through the first pool.

    Lines are `Any`, so that figures in tests may be plain integers.
    """
    rules: dict[str, Any] = {
        "name": "r", "effective_from": PERIOD, "basis": "BilledCost",
        "rules": (Rule("direct", Lookup("SubAccountId")),), "fallback": pool_of(pools[0].id), "pools": tuple(pools),
    }  # fmt: skip
    return allocate(Buckets(PERIOD, DIMENSIONS, rows), RuleSet(**(rules | changes)), CENTERS, drivers)


def split(pools: Sequence[Pool], rows: Sequence[Bucket], **changes: Any) -> dict[tuple[str, tuple[str, ...]], Any]:
    """Lines by cost center and path, of which each has one."""
    return {(line.cost_center, line.flow.path): line for line in lines_of(pools, rows, **changes)}


def given(pools: Sequence[Pool], rows: Sequence[Bucket], drivers: Drivers = NO_DRIVERS, **changes: Any) -> Any:
    """Billed cost that pools gave, by cost center, or by cost center and leg where there is one."""
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for line in lines_of(pools, rows, drivers, **changes):
        if line.flow.path:
            key = (line.cost_center, line.flow.leg) if line.flow.leg else line.cost_center
            found[key] = CONTEXT.add(found[key], line.billed_cost)
    return {key: amount.normalize() for key, amount in found.items() if amount}


def money(**of: str) -> dict[str, Decimal]:
    return {name: Decimal(amount).normalize() for name, amount in of.items()}
