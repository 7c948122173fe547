"""Subjects whose owner depends on the day: each owner takes what was measured in its days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from services.allocator.domain.drivers import Drivers, Quantities, Window, ratio
from services.allocator.domain.pool import Driver
from services.allocator.domain.rule_set import Tenure


class Found(NamedTuple):
    """What a driver's shares are taken from: the metric and window that it was found in, and quantities by subject."""

    driver: Driver
    metric: str
    window: Window
    quantities: Quantities


def owners_by_day(
    subject: str, tenures: Sequence[Tenure], measured: Sequence[Found], drivers: Drivers, window: Window
) -> Iterator[tuple[str | None, Fraction]]:
    """Who owned which part, of 1, of what was measured of a subject; None for days without an owner.

    A measurement over several days counts by the days that overlap. Last known quantities of an earlier time stand in
    for all days of the window alike.

    Args:
        measured: one or several drivers, whose quantities add up times their weights.
        window: what the split is about.
    """
    whole = sum((_weighted(found, found.quantities.get(subject)) for found in measured), Fraction(0))
    rest = Fraction(1)
    if whole:
        for tenure in tenures:
            days = window.within(Window.of_day(tenure.first).start, Window.of_day(tenure.last).end)
            used = (_weighted(found, _during(days, subject, found, drivers, window)) for found in measured)
            if part := sum(used, Fraction(0)) / whole:
                rest -= part
                yield tenure.cost_center, part
    if rest:
        yield None, rest


def _weighted(found: Found, quantity: Fraction | None) -> Fraction:
    return (quantity or 0) * Fraction(found.driver.weight)


def _during(days: Window, subject: str, found: Found, drivers: Drivers, window: Window) -> Fraction | None:
    """What was measured of a subject in some days of the window."""
    if not days.length:
        return None
    whole = found.quantities.get(subject, Fraction(0))
    if days == window:
        return whole
    part = ratio(days.length, window.length)
    if found.window != window:
        return whole * part
    used = drivers.measured(found.metric, days, found.driver.aggregate).get(subject, Fraction(0))
    return used if found.driver.aggregate == "sum" else used * part
