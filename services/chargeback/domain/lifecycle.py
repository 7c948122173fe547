"""Drafted -> approved -> issued: the life of a period's invoices, which move as one batch.

Approving twice by the same person, and issuing twice, change nothing: a command whose answer was lost is repeated
without harm. Everything else out of turn is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["drafted", "approved", "issued"]


class ApproverIsPreparer(ValueError):
    """Nobody approves what they prepared themselves."""

    def __init__(self, billing_period: str, person: str) -> None:
        self.billing_period, self.person = billing_period, person
        super().__init__(
            f"{person} asked for the close of {billing_period} and so prepared its invoices; "
            "somebody else has to approve them"
        )


class AlreadyApproved(ValueError):
    """Somebody else has approved these invoices."""

    def __init__(self, billing_period: str, approved_by: str, person: str) -> None:
        self.billing_period, self.approved_by, self.person = billing_period, approved_by, person
        super().__init__(
            f"the invoices of {billing_period} are approved by {approved_by}; {person} need not do it again"
        )


class NotApproved(ValueError):
    """Only approved invoices are issued."""

    def __init__(self, billing_period: str) -> None:
        self.billing_period = billing_period
        super().__init__(f"the invoices of {billing_period} are not approved; approve them first, then issue")


class AlreadyIssued(ValueError):
    """Issued invoices are frozen."""

    def __init__(self, billing_period: str) -> None:
        self.billing_period = billing_period
        super().__init__(
            f"the invoices of {billing_period} are issued and frozen, but the final allocation run has changed since; "
            "what has changed must be charged as an adjustment in an open period"
        )


@dataclass(frozen=True, slots=True)
class BatchState:
    """Where a period's invoices stand, and who did what."""

    billing_period: str
    status: Status
    prepared_by: str
    approved_by: str | None = None


def approve(batch: BatchState, approved_by: str) -> BatchState:
    """Approve by a second identity.

    Raises:
        ApproverIsPreparer: also when the names differ in case or surrounding blanks only.
        AlreadyApproved: by somebody else.
    """
    if _identity(approved_by) == _identity(batch.prepared_by):
        raise ApproverIsPreparer(batch.billing_period, approved_by)
    if batch.approved_by is None:
        return replace(batch, status="approved", approved_by=approved_by)
    if _identity(batch.approved_by) != _identity(approved_by):
        raise AlreadyApproved(batch.billing_period, batch.approved_by, approved_by)
    return batch


def issue(batch: BatchState) -> BatchState:
    """Issue what is approved.

    Raises:
        NotApproved: if nobody has.
    """
    if batch.status == "drafted":
        raise NotApproved(batch.billing_period)
    return replace(batch, status="issued")


def _identity(person: str) -> str:
    return person.strip().casefold()
