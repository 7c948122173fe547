"""From measured quantities to who used them, and what happens when nothing was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Part
from services.allocator.domain.drivers import Drivers, Window
from services.allocator.domain.methods.problems import DriverMissing
from services.allocator.domain.methods.tenures import Found, owners_by_day
from services.allocator.domain.methods.tiers import pricing
from services.allocator.domain.pool import ByDrivers, Driver, Subjects, Targets
from services.allocator.domain.rule_set import SUSPENSE, Target

HELD = Part(SUSPENSE, Fraction(1), "missing-driver")
"""All of it waits in suspense for a driver."""


def driver_parts(method: ByDrivers, cell: Cell) -> list[Part]:
    """The weight of each owner of a measured quantity, among the targets and the unowned."""
    measured = [find(driver, cell) for driver in method.drivers]
    known = [found for found in measured if found is not None]
    if len(known) < len(measured):
        return [HELD]
    if method.combine == "quantities" or len(known) == 1:
        return _priced(method, known, cell)
    return [part for one in known for part in _shares(_priced(method, [one], cell), Fraction(one.driver.weight))]


def look_up(driver: Driver, drivers: Drivers, window: Window) -> Found | None:
    """What was measured of a driver, or the next best that its policies name; None if there is none of it."""
    if found := drivers.measured(driver.metric, window, driver.aggregate):
        return Found(driver, driver.metric, window, found)
    before = drivers.newest_before(driver.metric, window, driver.last_known_days) if driver.last_known_days else None
    if before and (found := drivers.measured(driver.metric, before, driver.aggregate)):
        return Found(driver, driver.metric, before, found)
    if driver.instead and (found := drivers.measured(driver.instead, window, driver.aggregate)):
        return Found(driver, driver.instead, window, found)
    return None


def find(driver: Driver, cell: Cell) -> Found | None:
    """What was measured of a driver; None if the pool's cost has to wait for it.

    Raises:
        DriverMissing: if there is nothing, and the driver's policy is to fail.
    """
    found = look_up(driver, cell.drivers, cell.window)
    if found is None and driver.missing == "fail":
        raise DriverMissing(cell, driver)
    return found


def owned(
    weights: Mapping[str, Fraction], measured: Sequence[Found], targets: Targets, subjects: Subjects, cell: Cell
) -> Iterator[Part]:
    """Each subject's weight at its owners. What belongs to somebody who is no target is left out."""
    owners = {target.id: target for target in targets} if subjects.owners is None else subjects.owners
    takers, unowned = frozenset(targets), subjects.unowned
    for subject, weight in weights.items():
        tenures = subjects.dated.get(subject)
        if tenures is None:
            parts = [(owners.get(subject), weight)]
        else:
            by_day = owners_by_day(subject, tenures, measured, cell.drivers, cell.window)
            parts = [(Target("cost_center", name) if name else None, weight * part) for name, part in by_day]
        for owner, part in parts:
            if owner in takers:
                assert owner is not None
                yield Part(owner, part)
            elif owner is None and unowned is not None:
                yield Part(unowned, part, "unowned")


def _priced(method: ByDrivers, measured: Sequence[Found], cell: Cell) -> list[Part]:
    weights = measured[0].quantities if len(measured) == 1 else _added(measured)
    if method.tiers:
        price = pricing(method.tiers)
        weights = {subject: price(quantity) for subject, quantity in weights.items()}
    return list(owned(weights, measured, method.targets, method.subjects, cell))


def _added(measured: Iterable[Found]) -> dict[str, Fraction]:
    """Quantities times weights by subject: integers of one denominator, as fractions are slow to add."""
    factors = [(Fraction(found.driver.weight), found.quantities) for found in measured]
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
