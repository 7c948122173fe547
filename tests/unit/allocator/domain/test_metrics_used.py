"""Which driver metrics a rule set looks at, wherever its pools name them."""

from __future__ import annotations

from decimal import Decimal

from services.allocator.domain.metrics_used import metrics_used
from services.allocator.domain.pool import (
    ByDrivers,
    Driver,
    Even,
    FixedAmount,
    FloorPlusVariable,
    Method,
    Pool,
    Tier,
    UsageRate,
)
from services.allocator.domain.rule_set import SUSPENSE, RuleSet

RATE = (Tier(None, Decimal(1)),)


def used(*methods: Method) -> dict[str, int]:
    pools = tuple(Pool(f"p{n}", method) for n, method in enumerate(methods))
    return metrics_used(RuleSet("r", "2026-01", "BilledCost", (), SUSPENSE, pools))


def by(*drivers: Driver) -> ByDrivers:
    return ByDrivers((), drivers)


def test_pools_without_drivers_use_none() -> None:
    assert used(Even(()), FixedAmount((), "USD", Even(()))) == {}


def test_every_driver_of_every_pool_counts_and_so_does_what_stands_in_for_it() -> None:
    rate = UsageRate((), Driver("seats"), RATE, "USD", SUSPENSE)
    assert used(by(Driver("gb"), Driver("vcpu", instead="cores")), rate) == {
        "gb": 0, "vcpu": 0, "cores": 0, "seats": 0,
    }  # fmt: skip


def test_methods_inside_methods_are_looked_into() -> None:
    fixed = FixedAmount((), "USD", by(Driver("rest")))
    assert used(FloorPlusVariable(Decimal(20), by(Driver("floor")), fixed)) == {"floor": 0, "rest": 0}


def test_the_longest_look_back_counts_but_not_for_what_stands_in() -> None:
    drivers = Driver("gb", last_known_days=5), Driver("seats", last_known_days=30, instead="heads"), Driver("gb")
    assert used(*(by(driver) for driver in drivers)) == {"gb": 5, "seats": 30, "heads": 0}
