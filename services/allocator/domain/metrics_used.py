"""The driver metrics that a run of a rule set may look at: what it has to be given."""

from __future__ import annotations

from collections.abc import Iterator

from services.allocator.domain.pool import (
    AsCharged,
    ByDrivers,
    Driver,
    FixedAmount,
    FloorPlusVariable,
    Method,
    Subjects,
    UsageRate,
)
from services.allocator.domain.rule_set import RuleSet


def metrics_used(rule_set: RuleSet) -> dict[str, int]:
    """Each metric with the most days before a window that its last known values are looked for in.

    A metric that stands in for another is looked for in the window alone.
    """
    found: dict[str, int] = {}
    for pool in rule_set.pools:
        for driver, _ in drivers_of(pool.method):
            found[driver.metric] = max(found.get(driver.metric, 0), driver.last_known_days)
            if driver.instead:
                found.setdefault(driver.instead, 0)
    return found


def drivers_of(method: Method) -> Iterator[tuple[Driver, Subjects]]:
    """Every driver that a method, or one inside it, looks at, and who its subjects are."""
    match method:
        case ByDrivers(drivers=drivers, subjects=subjects):
            yield from ((driver, subjects) for driver in drivers)
        case UsageRate(driver=driver, subjects=subjects):
            yield driver, subjects
        case FixedAmount(rest=rest):
            yield from drivers_of(rest)
        case FloorPlusVariable(floor=floor, variable=variable):
            yield from drivers_of(floor)
            yield from drivers_of(variable)
        case AsCharged(otherwise=otherwise) if otherwise:
            yield from drivers_of(otherwise)
