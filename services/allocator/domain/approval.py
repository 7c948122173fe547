"""Two people for every rule set: who changes the rules does not approve the change."""

from __future__ import annotations


class ApproverIsAuthor(ValueError):
    """Nobody approves a rule set of their own."""

    def __init__(self, person: str) -> None:
        self.person = person
        super().__init__(f"{person} is the author of this change of rules; somebody else has to approve it")


def check_two_people(applied_by: str, approved_by: str) -> None:
    """Make sure that author and approver differ.

    Raises:
        ApproverIsAuthor: also when the names differ in case or surrounding blanks only.
    """
    if applied_by.strip().casefold() == approved_by.strip().casefold():
        raise ApproverIsAuthor(approved_by.strip())
