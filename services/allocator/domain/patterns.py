"""Regular expressions that take time linear in the value, whatever the pattern and the value are.

Rules are written by many and values by anybody who sets a tag, so a backtracking engine could be made to hang a run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class PatternInvalid(ValueError):
    """A text that is no regular expression, or one that can't be matched in linear time."""


@lru_cache(maxsize=10_000)
def _compiled(text: str) -> Any:
    try:
        return re2.compile(text, _OPTIONS)
    except re2.error as error:
        (reason,) = error.args
        raise PatternInvalid(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


class Pattern:
    """A regular expression that has to match a whole value.

    Raises:
        PatternInvalid: with the reason.
    """

    def __init__(self, text: str) -> None:
        self._compiled = _compiled(text)

    @property
    def groups(self) -> int:
        """How many groups it captures."""
        return int(self._compiled.groups)

    def matches(self, value: str) -> bool:
        """Whether it matches the whole value."""
        return self._compiled.fullmatch(value) is not None

    def first_group(self, value: str) -> str | None:
        """What its first group matches of a value; None if it does not match, or the group has no part in it."""
        found = self._compiled.fullmatch(value)
        return None if found is None else found.group(1)
