"""Driver measurements: how much of a metric each subject used in a window of time."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from shared.money import CONTEXT, ZERO

_DAY = timedelta(days=1)
_LAST_MONTH = datetime(9999, 12, 1, tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
"""A provider may write any date, and the calendar ends somewhere."""


class Window(NamedTuple):
    """From `start` up to, and without, `end`, both UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of_month(cls, billing_period: str) -> Window:
        """The window of a billing period `YYYY-MM`."""
        start = datetime.fromisoformat(f"{billing_period}-01").replace(tzinfo=UTC)
        days = monthrange(start.year, start.month)[1]
        return cls(start, start.replace(day=days) + _DAY if start < _LAST_MONTH else _END)

    @classmethod
    def of_day(cls, day: str) -> Window:
        """The window of one UTC day `YYYY-MM-DD`."""
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        return cls(start, start + _DAY if start.date() < _END.date() else _END)

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def within(self, start: datetime, end: datetime) -> Window:
        """The part of it between two times; one without any length if there is none."""
        first = min(max(self.start, start), self.end)
        return Window(first, max(min(self.end, end), first))

    def overlap(self, other: Window) -> timedelta:
        """How long both go on at once."""
        return max(min(self.end, other.end) - max(self.start, other.start), timedelta())

    def __str__(self) -> str:
        """Whole days as dates, both included."""
        if self.length < timedelta(days=1):
            return f"{self.start:%Y-%m-%dT%H:%MZ} to {self.end:%Y-%m-%dT%H:%MZ}"
        first, last = self.start.date(), (self.end - timedelta(microseconds=1)).date()
        return f"{first}" if first == last else f"{first} to {last}"


class Measurement(NamedTuple):
    """A quantity, not negative, of one metric and subject in a window."""

    subject: str
    quantity: Decimal
    window: Window


Quantities = Mapping[str, Fraction]
"""Quantity by subject."""


@dataclass(frozen=True, slots=True)
class Drivers:
    """All measurements that a run may look at: quantities by metric, window and subject.

    Few windows hold many subjects, so what is asked costs one addition per measurement, and is asked once.
    """

    by_metric: Mapping[str, Mapping[Window, Mapping[str, Decimal]]]
    _answers: dict[tuple[str, str, Window], Quantities] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, measurements: Iterable[tuple[str, Measurement]]) -> Drivers:
        """Collect measurements by metric; several of one subject and window add up."""
        found: dict[str, dict[Window, dict[str, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        for metric, (subject, quantity, window) in measurements:
            quantities = found[metric][window]
            quantities[subject] = CONTEXT.add(quantities.get(subject, ZERO), quantity)
        return cls({metric: dict(sorted(windows.items())) for metric, windows in sorted(found.items())})

    def changed(self, changes: Drivers) -> Drivers:
        """These measurements with some changed or added: a subject's quantity of a window is replaced."""
        found = {metric: dict(windows) for metric, windows in self.by_metric.items()}
        for metric, windows in changes.by_metric.items():
            for window, quantities in windows.items():
                of_metric = found.setdefault(metric, {})
                of_metric[window] = {**of_metric.get(window, {}), **quantities}
        return Drivers({metric: dict(sorted(windows.items())) for metric, windows in sorted(found.items())})

    def measured(self, metric: str, window: Window, aggregate: Literal["sum", "average"]) -> Quantities:
        """Each subject's quantity in a window, added up or as an average over time; empty if there is none."""
        question = (metric, aggregate, window)
        if question not in self._answers:
            find = self.sums if aggregate == "sum" else self.averages
            self._answers[question] = find(metric, window)
        return self._answers[question]

    def sums(self, metric: str, window: Window) -> dict[str, Fraction]:
        """Each subject's quantity inside a window; one measured over a longer time counts by the part that overlaps."""
        return self._added(metric, window, lambda measured: measured.length)

    def averages(self, metric: str, window: Window) -> dict[str, Fraction]:
        """Each subject's level over a window, weighted by time; times without a measurement count as zero."""
        return self._added(metric, window, lambda _: window.length)

    def newest_before(self, metric: str, window: Window, days: int) -> Window | None:
        """The window of the newest measurement that ended at most so many days before another window starts."""
        earliest = window.start - timedelta(days=days)
        ended = [one for one in self.by_metric.get(metric, ()) if earliest <= one.end <= window.start]
        return max(ended, key=lambda one: (one.end, one.start), default=None)

    def _added(self, metric: str, window: Window, whole: Callable[[Window], timedelta]) -> dict[str, Fraction]:
        """Add up in decimals for each ratio of overlap, as fractions are slow and ratios few."""
        by_ratio: dict[Fraction, dict[str, Decimal]] = defaultdict(dict)
        for measured, quantities in self.by_metric.get(metric, {}).items():
            if overlap := measured.overlap(window):
                sums = by_ratio[ratio(overlap, whole(measured))]
                for subject, quantity in quantities.items():
                    sums[subject] = CONTEXT.add(sums.get(subject, ZERO), quantity)
        found: dict[str, Fraction] = {}
        for part_of, sums in by_ratio.items():
            for subject, quantity in sums.items():
                units, unit = quantity.as_integer_ratio()
                part = Fraction(units * part_of.numerator, unit * part_of.denominator)
                found[subject] = found[subject] + part if subject in found else part
        return found


NO_DRIVERS = Drivers({})


def ratio(part: timedelta, whole: timedelta) -> Fraction:
    """A part of a time, exactly."""
    microsecond = timedelta(microseconds=1)
    return Fraction(part // microsecond, whole // microsecond)
