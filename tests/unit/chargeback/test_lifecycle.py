"""Who may do what, and when."""

from __future__ import annotations

import pytest

from services.chargeback.domain.lifecycle import (
    AlreadyApproved,
    ApproverIsPreparer,
    BatchState,
    NotApproved,
    approve,
    issue,
)

DRAFTED = BatchState("2026-01", "drafted", "ana")


def test_a_second_person_approves_and_then_it_is_issued() -> None:
    approved = approve(DRAFTED, "ben")
    assert (approved.status, approved.approved_by) == ("approved", "ben")
    assert issue(approved).status == "issued"


@pytest.mark.parametrize("person", ["ana", "Ana", " ana "])
def test_nobody_approves_their_own(person: str) -> None:
    with pytest.raises(ApproverIsPreparer, match="somebody else"):
        approve(DRAFTED, person)


def test_a_repeated_approval_changes_nothing() -> None:
    approved = approve(DRAFTED, "ben")
    assert approve(approved, "Ben") == approved
    assert approve(issue(approved), "ben").status == "issued"


def test_a_third_person_cannot_take_over_an_approval() -> None:
    with pytest.raises(AlreadyApproved, match="approved by ben"):
        approve(approve(DRAFTED, "ben"), "cleo")


def test_drafts_are_not_issued() -> None:
    with pytest.raises(NotApproved, match="approve them first"):
        issue(DRAFTED)


def test_issuing_twice_changes_nothing() -> None:
    issued = issue(approve(DRAFTED, "ben"))
    assert issue(issued) == issued
