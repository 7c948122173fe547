"""Comparing the text of a value with a number or a day."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

_NUMBER = re.compile(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].*)?")
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "above": operator.gt, "below": operator.lt, "at_least": operator.ge, "at_most": operator.le,
}  # fmt: skip
COMPARISONS: Final = tuple(_COMPARE)


def number_of(text: str) -> Decimal | None:
    """The number that a text is, such as `-12.50`; None if it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def day_of(text: str) -> str | None:
    """The day, `YYYY-MM-DD`, that a date or a date-time begins with; None if there is no such day."""
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    try:
        date.fromisoformat(found[1])
    except ValueError:
        return None
    return found[1]


def comparison(name: str, operand: str) -> Callable[[str | None], bool]:
    """Test values against an operand, as numbers if it is one, else as days; what is neither passes no test."""
    read: Callable[[str], Any] = number_of if number_of(operand) is not None else day_of
    compare, limit = _COMPARE[name], read(operand)
    assert limit is not None, f"{operand!r} is neither a number nor a day"

    def passes(value: str | None) -> bool:
        found = None if value is None else read(value)
        return found is not None and compare(found, limit)

    return passes
