"""What is wrong with a rule set: every error, with its file, line and rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared.documents import DocumentInvalid, Problems

START: Final = "`name:` and the other keys of a rule set"


class RuleSetInvalid(DocumentInvalid):
    """A rule set that can't be applied, with every reason found."""

    code = "rule-set-invalid"


_NAMED_MAX: Final = 5


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def problems_of(file: str) -> Problems:
    """Begin the check of a rule set."""
    return Problems(file, RuleSetInvalid)
