"""The billing period and its days, as the text that the export writes."""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
import re
from dataclasses import dataclass
from typing import Final

_PERIOD: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class NotABillingPeriod(ValueError):
    """A billing period is written YYYY-MM."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is not a billing period: write its month as YYYY-MM, such as 2026-06")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, both ends as FOCUS date/time text."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, eq=False)
class Month:
    """A billing period: the whole of it, and each of its days."""

    period: str
    whole: Span
    days: tuple[Span, ...]

    @property
    def compact(self) -> str:
        """YYYYMM, for invoice ids."""
        return self.period.replace("-", "")


def month(period: str) -> Month:
    """Lay out a month.

    Raises:
        NotABillingPeriod: if the text is not YYYY-MM.
    """
    if not _PERIOD.fullmatch(period) or period.startswith("0000"):
        raise NotABillingPeriod(period)
    first = dt.date.fromisoformat(f"{period}-01")
    length = calendar.monthrange(first.year, first.month)[1]
    starts = [_midnight(first + dt.timedelta(days=day)) for day in range(length + 1)]
    days = tuple(Span(start, end) for start, end in itertools.pairwise(starts))
    return Month(period, Span(starts[0], starts[-1]), days)


def month_before(this: Month) -> Month:
    """The month whose late corrections arrive in this one."""
    first = dt.date.fromisoformat(f"{this.period}-01")
    return month((first - dt.timedelta(days=1)).strftime("%Y-%m"))


def _midnight(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
