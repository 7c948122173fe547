"""Driver measurements: how much of a metric each subject used in a window of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple


class Window(NamedTuple):
    """From `start` up to, and without, `end`, both UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of_month(cls, billing_period: str) -> Window:
        """The window of a billing period `YYYY-MM`."""
        start = datetime.fromisoformat(f"{billing_period}-01").replace(tzinfo=UTC)
        return cls(start, (start + timedelta(days=31)).replace(day=1))

    @classmethod
    def of_day(cls, day: str) -> Window:
        """The window of one UTC day `YYYY-MM-DD`."""
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        return cls(start, start + timedelta(days=1))

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def overlap(self, other: Window) -> timedelta:
        """How long both go on at once."""
        return max(min(self.end, other.end) - max(self.start, other.start), timedelta())


class Measurement(NamedTuple):
    """A quantity, not negative, of one metric and subject in a window."""

    subject: str
    quantity: Decimal
    window: Window


@dataclass(frozen=True, slots=True)
class Drivers:
    """All measurements that a run may look at, by metric."""

    by_metric: Mapping[str, tuple[Measurement, ...]]

    @classmethod
    def of(cls, measurements: Iterable[tuple[str, Measurement]]) -> Drivers:
        """Collect measurements by metric."""
        found: dict[str, list[Measurement]] = defaultdict(list)
        for metric, measurement in measurements:
            found[metric].append(measurement)
        return cls({metric: tuple(sorted(rows)) for metric, rows in found.items()})

    def sums(self, metric: str, window: Window) -> dict[str, Fraction]:
        """Each subject's quantity inside a window; one measured over a longer time counts by the part that overlaps."""
        found: dict[str, Fraction] = defaultdict(Fraction)
        for subject, quantity, measured in self.by_metric.get(metric, ()):
            overlap = measured.overlap(window)
            if overlap:
                found[subject] += Fraction(quantity) * _ratio(overlap, measured.length)
        return dict(found)

    def averages(self, metric: str, window: Window) -> dict[str, Fraction]:
        """Each subject's level over a window, weighted by time; times without a measurement count as zero."""
        found: dict[str, Fraction] = defaultdict(Fraction)
        for subject, quantity, measured in self.by_metric.get(metric, ()):
            overlap = measured.overlap(window)
            if overlap:
                found[subject] += Fraction(quantity) * _ratio(overlap, window.length)
        return dict(found)

    def newest_before(self, metric: str, window: Window, days: int) -> Window | None:
        """The window of the newest measurement that ended at most so many days before another window starts."""
        earliest = window.start - timedelta(days=days)
        ended = [row.window for row in self.by_metric.get(metric, ()) if earliest <= row.window.end <= window.start]
        return max(ended, key=lambda one: (one.end, one.start), default=None)


NO_DRIVERS = Drivers({})


def _ratio(part: timedelta, whole: timedelta) -> Fraction:
    microsecond = timedelta(microseconds=1)
    return Fraction(part // microsecond, whole // microsecond)
