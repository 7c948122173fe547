"""What is wrong with a rule set: every error, with its file, line and rule."""

from __future__ import annotations

from typing import Final

from shared.documents import DocumentInvalid, Problems

START: Final = "`name:` and the other keys of a rule set"


class RuleSetInvalid(DocumentInvalid):
    """A rule set that can't be applied, with every reason found."""

    code = "rule-set-invalid"


def problems_of(file: str) -> Problems:
    """Begin the check of a rule set."""
    return Problems(file, RuleSetInvalid)
