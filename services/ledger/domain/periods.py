"""The states of a billing period: `open -> closing -> closed | blocked`, and `blocked -> closing` again.

While closing, a period passes three phases: `checking` (the ledger's own reading and the provider invoices),
`invoicing` (the allocator's final run, then drafts, approval and issue by chargeback), `exporting` (posted, books being
written). Only what is published is a fact to others; phases are the ledger's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """What others see."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    BLOCKED = "blocked"


class Phase(StrEnum):
    """How far a close has come."""

    CHECKING = "checking"
    INVOICING = "invoicing"
    EXPORTING = "exporting"


class PeriodClosed(ValueError):
    """A closed period stays closed; what comes later is an adjustment in an open one."""

    def __init__(self, billing_period: str) -> None:
        self.billing_period = billing_period
        super().__init__(f"{billing_period} is closed: its books are published and do not change")


class WrongPhase(ValueError):
    """A step of the close was taken out of order: a bug."""

    def __init__(self, billing_period: str, state: State, phase: Phase | None, step: str) -> None:
        self.billing_period, self.state, self.phase, self.step = billing_period, state, phase, step
        super().__init__(f"{billing_period} is {state} ({phase}): it cannot be {step}")


@dataclass(frozen=True, slots=True)
class Period:
    """A billing period's state. `attempt` counts the closes requested; `deliveries` are fixed when checks passed."""

    billing_period: str
    state: State = State.OPEN
    phase: Phase | None = None
    attempt: int = 0
    requested_by: str | None = None
    deliveries: tuple[str, ...] = ()

    @property
    def close_id(self) -> str | None:
        """Names the attempt on every topic; None before the first."""
        return f"{self.billing_period}-{self.attempt}" if self.attempt else None

    def request(self, requested_by: str) -> Period:
        """Start a close; the same period while it closes already when one is under way.

        Raises:
            PeriodClosed: when there is nothing left to close.
        """
        if self.state is State.CLOSED:
            raise PeriodClosed(self.billing_period)
        if self.state is State.CLOSING:
            return self
        return Period(self.billing_period, State.CLOSING, Phase.CHECKING, self.attempt + 1, requested_by)

    def checked(self, deliveries: tuple[str, ...]) -> Period:
        """The checks passed: these deliveries, and no others, are what the period is closed on."""
        self._expect(Phase.CHECKING, "checked")
        return replace(self, phase=Phase.INVOICING, deliveries=deliveries)

    def posted(self) -> Period:
        """The entries are in the chain: from here on the close can only succeed."""
        self._expect(Phase.INVOICING, "posted")
        return replace(self, phase=Phase.EXPORTING)

    def closed(self) -> Period:
        """The books are published."""
        self._expect(Phase.EXPORTING, "closed")
        return replace(self, state=State.CLOSED, phase=None)

    def blocked(self) -> Period:
        """Breaks were found before anything was posted."""
        if self.phase not in (Phase.CHECKING, Phase.INVOICING):
            raise WrongPhase(self.billing_period, self.state, self.phase, "blocked")
        return replace(self, state=State.BLOCKED, phase=None)

    def _expect(self, phase: Phase, step: str) -> None:
        if self.phase is not phase:
            raise WrongPhase(self.billing_period, self.state, self.phase, step)
