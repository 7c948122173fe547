"""Dates as files write them, made canonical: `2024-09-01T00:00:00Z`, always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_INSTANT: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r" ?(?:(?P<utc>Z|UTC)|(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?)?",
    re.ASCII,
)


class NotAnInstant(ValueError):
    """A text that is no date, or no date of the calendar."""

    rule = "must be a UTC date and time such as 2024-09-01T00:00:00Z"

    def __init__(self, value: str) -> None:
        self.value = value
        super().__init__(f"{value!r}: {self.rule}")


def utc_text(value: str) -> str:
    """Write a date, or a date and time, as FOCUS wants it. Without a zone it is UTC; other zones are converted.

    Raises:
        NotAnInstant: if it is neither.
    """
    match = _INSTANT.fullmatch(value)
    if match is None:
        raise NotAnInstant(value)
    try:
        moment = datetime.fromisoformat(
            f"{match['date']}T{match['time'] or '00:00'}:{match['second'] or '00'}"
        ).replace(tzinfo=_zone(match))
        canonical = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        raise NotAnInstant(value) from None
    fraction = (match["fraction"] or "").rstrip("0")
    return f"{canonical}.{fraction}Z" if fraction else f"{canonical}Z"


def _zone(match: re.Match[str]) -> timezone:
    if match["sign"] is None:
        return UTC
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return timezone(-offset if match["sign"] == "-" else offset)
