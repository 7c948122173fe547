"""From measured quantities to who used them, and what happens when nothing was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Part
from services.allocator.domain.drivers import Drivers, Quantities, Window
from services.allocator.domain.methods.problems import DriverMissing
from services.allocator.domain.methods.tiers import price
from services.allocator.domain.pool import ByDrivers, Driver, Subjects, Targets
from services.allocator.domain.rule_set import SUSPENSE

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
        return _priced(method, _added(weighted))
    if len(weighted) == 1:
        return _priced(method, known[0])
    return [part for driver, found in weighted for part in _shares(_priced(method, found), Fraction(driver.weight))]


class Found(NamedTuple):
    """What a driver's shares are taken from: the metric and window that it was found in, and quantities by subject."""

    metric: str
    window: Window
    quantities: Quantities


def look_up(driver: Driver, drivers: Drivers, window: Window) -> Found | None:
    """What was measured of a driver, or the next best that its policies name; None if there is none of it."""
    if found := drivers.measured(driver.metric, window, driver.aggregate):
        return Found(driver.metric, window, found)
    before = drivers.newest_before(driver.metric, window, driver.last_known_days) if driver.last_known_days else None
    if before and (found := drivers.measured(driver.metric, before, driver.aggregate)):
        return Found(driver.metric, before, found)
    if driver.instead and (found := drivers.measured(driver.instead, window, driver.aggregate)):
        return Found(driver.instead, window, found)
    return None


def quantities(driver: Driver, cell: Cell) -> Quantities | None:
    """What was measured of a driver, by subject; None if the pool's cost has to wait for it.

    Raises:
        DriverMissing: if there is nothing, and the driver's policy is to fail.
    """
    found = look_up(driver, cell.drivers, cell.window)
    if found is None and driver.missing == "fail":
        raise DriverMissing(cell, driver)
    return found.quantities if found else None


def owned(found: Mapping[str, Fraction], targets: Targets, subjects: Subjects) -> Iterator[Part]:
    """Each subject's quantity at its owner. What belongs to somebody who is no target is left out."""
    owners = {target.id: target for target in targets} if subjects.owners is None else subjects.owners
    takers, unowned = frozenset(targets), subjects.unowned
    for subject, quantity in found.items():
        owner = owners.get(subject)
        if owner in takers:
            assert owner is not None
            yield Part(owner, quantity)
        elif owner is None and unowned is not None:
            yield Part(unowned, quantity, "unowned")


def _priced(method: ByDrivers, found: Mapping[str, Fraction]) -> list[Part]:
    parts = owned(found, method.targets, method.subjects)
    if not method.tiers:
        return list(parts)
    return [part._replace(weight=price(part.weight, method.tiers)) for part in parts]


def _added(weighted: Iterable[tuple[Driver, Quantities]]) -> dict[str, Fraction]:
    """Quantities times weights by subject: integers of one denominator, as fractions are slow to add."""
    factors = [(Fraction(driver.weight), found) for driver, found in weighted]
    finest = lcm(*(n.denominator for _, found in factors for n in found.values()), *(w.denominator for w, _ in factors))
    added: dict[str, int] = {}
    for weight, found in factors:
        times = weight.numerator * (finest // weight.denominator)
        for subject, quantity in found.items():
            units = times * quantity.numerator * (finest // quantity.denominator)
            added[subject] = added.get(subject, 0) + units
    return {subject: Fraction(units, finest * finest) for subject, units in added.items()}


def _shares(parts: Sequence[Part], weight: Fraction) -> Iterable[Part]:
    """Parts that add up to a weight; none if they are all zero, so that the other drivers decide alone."""
    whole = sum((part.weight for part in parts), Fraction(0))
    return [part._replace(weight=part.weight * weight / whole) for part in parts] if whole else ()
