"""Days in documents and tables: `YYYY-MM-DD`, UTC, both ends of a span of days belong to it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

from services.allocator.domain.comparing import day_of
from services.allocator.domain.rule_set import FIRST_DAY, LAST_DAY
from shared.documents import Problems, Reader

_WRITE: Final = "write it like 2026-01-31"


class Days(NamedTuple):
    """The first and the last of a span of days."""

    first: str = FIRST_DAY
    last: str = LAST_DAY

    def within(self, other: Days) -> Days:
        """The days that both have; none, if the first comes after the last."""
        return Days(max(self.first, other.first), min(self.last, other.last))

    @property
    def are_none(self) -> bool:
        """Whether there is no day between them."""
        return self.first > self.last


ALWAYS: Final = Days()


def day_after(day: str) -> str:
    """The next day; after the last day comes itself."""
    return LAST_DAY if day == LAST_DAY else (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def day_before(day: str) -> str:
    """The day before; before the first day comes itself."""
    return FIRST_DAY if day == FIRST_DAY else (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def days_between(days: Days) -> int:
    """How many days there are, both ends included."""
    return (date.fromisoformat(days.last) - date.fromisoformat(days.first)).days + 1


def is_day(text: str) -> bool:
    """Whether a text is a day and nothing more."""
    return day_of(text) == text


def read_day(reader: Reader, key: str) -> str | None:
    """The day of a key of a document; None if there is none, or it is a problem."""
    if key not in reader.node.items:
        return None
    text = reader.text(key, _WRITE)
    if text is not None and not is_day(text):
        reader.problems.add(reader.line(key), f"{key}: {text} is not a day", _WRITE)
        return None
    return text


def days_of(row: dict[str, str], line: int, file: str, problems: Problems) -> Days:
    """The days that a row of a table says in `valid_from` and `valid_to`; an empty cell is open."""
    found = {}
    for column in ("valid_from", "valid_to"):
        text = row.get(column, "")
        if text and not is_day(text):
            problems.add(line, f"{column} {text!r} is not a day", _WRITE, file=file)
            text = ""
        found[column] = text
    days = Days(found["valid_from"] or FIRST_DAY, found["valid_to"] or LAST_DAY)
    if days.are_none:
        problems.add(line, f"valid_to {days.last} is before valid_from {days.first}", "exchange them", file=file)
        return ALWAYS
    return days
