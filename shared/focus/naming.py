"""Which columns rules of any kind may name: FOCUS text columns and `x_` columns."""

from __future__ import annotations

import difflib
import re
from typing import Final

from shared.focus.columns import CANONICAL, COLUMNS, RENAMED

_TEXT: Final = frozenset(column.name for column in CANONICAL if column.type == "string")
_CUSTOM = re.compile(r"x_[A-Za-z0-9_]{1,98}")


def successor(name: str) -> str:
    """What a column of an older version is called in FOCUS 1.4, in words."""
    return " or ".join(RENAMED[name])


def column_problem(name: str) -> tuple[str, str] | None:
    """Why rules can't look at a column, as message and advice; None if they can."""
    if name in _TEXT or _CUSTOM.fullmatch(name):
        return None
    if name in RENAMED:
        return f"column {name} is not in FOCUS 1.4", f"use {successor(name)}, which intake fills from it"
    if name in COLUMNS and COLUMNS[name].until:
        return f"column {name} is not in FOCUS 1.4", f"use x_{name}, in which intake keeps it"
    if name in COLUMNS:
        return f"column {name} is an amount, a date or an object", "test a text column, or a tag"
    near = difflib.get_close_matches(name, _TEXT, 1)
    hint = f"did you mean {near[0]}?" if near else "use a FOCUS 1.4 Cost and Usage column, or a custom one named x_..."
    return f"unknown column {name!r}", hint
