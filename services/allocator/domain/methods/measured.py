"""From measured quantities to who used them, and what happens when nothing was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Part
from services.allocator.domain.drivers import Quantities
from services.allocator.domain.methods.problems import DriverMissing
from services.allocator.domain.methods.tiers import price
from services.allocator.domain.pool import ByDrivers, Driver, Subjects, Targets
from services.allocator.domain.rule_set import SUSPENSE, Target

HELD = Part(SUSPENSE, Fraction(1), "missing-driver")
"""All of it waits in suspense for a driver."""


def driver_parts(method: ByDrivers, cell: Cell) -> list[Part]:
    """The weight of each owner of a measured quantity, among the targets and the unowned."""
    measured = [quantities(driver, cell) for driver in method.drivers]
    known = [found for found in measured if found is not None]
    if len(known) < len(measured):
        return [HELD]
    weighted = list(zip(method.drivers, known, strict=True))
    if method.combine == "quantities":
        added: dict[str, Fraction] = {}
        for driver, found in weighted:
            weight = Fraction(driver.weight)
            for subject, quantity in found.items():
                added[subject] = added.get(subject, Fraction(0)) + weight * quantity
        return _priced(method, added)
    if len(weighted) == 1:
        return _priced(method, known[0])
    return [part for driver, found in weighted for part in _shares(_priced(method, found), Fraction(driver.weight))]


def quantities(driver: Driver, cell: Cell) -> Quantities | None:
    """What was measured of a driver, by subject, or the next best; None if the pool's cost has to wait for it.

    Raises:
        DriverMissing: if there is nothing, and the driver's policy is to fail.
    """
    drivers, window, aggregate = cell.drivers, cell.window, driver.aggregate
    if found := drivers.measured(driver.metric, window, aggregate):
        return found
    before = drivers.newest_before(driver.metric, window, driver.last_known_days) if driver.last_known_days else None
    if before and (found := drivers.measured(driver.metric, before, aggregate)):
        return found
    if driver.instead and (found := drivers.measured(driver.instead, window, aggregate)):
        return found
    if driver.missing == "fail":
        raise DriverMissing(cell, driver)
    return None


def owned(found: Mapping[str, Fraction], targets: Targets, subjects: Subjects) -> list[Part]:
    """Each subject's quantity at its owner. What belongs to somebody who is no target is left out."""
    takers = frozenset(targets)
    owners = subjects.owners
    if owners is None:
        owners = {target.id: target for target in targets}
    parts: list[Part] = []
    for subject, quantity in found.items():
        owner: Target | None = owners.get(subject)
        if owner is None:
            if subjects.unowned is not None:
                parts.append(Part(subjects.unowned, quantity, "unowned"))
        elif owner in takers:
            parts.append(Part(owner, quantity))
    return parts


def _priced(method: ByDrivers, found: Mapping[str, Fraction]) -> list[Part]:
    if method.tiers:
        found = {subject: price(quantity, method.tiers) for subject, quantity in found.items()}
    return owned(found, method.targets, method.subjects)


def _shares(parts: Sequence[Part], weight: Fraction) -> Iterable[Part]:
    """Parts that add up to a weight; none if they are all zero, so that the other drivers decide alone."""
    whole = sum((part.weight for part in parts), Fraction(0))
    return [part._replace(weight=part.weight * weight / whole) for part in parts] if whole else ()
