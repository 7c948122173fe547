"""The states of a billing period."""

from __future__ import annotations

import pytest

from services.ledger.domain.periods import Period, PeriodClosed, Phase, State, WrongPhase


def test_closes_in_three_phases() -> None:
    asked = Period("2026-01").request("ann")
    assert (asked.state, asked.phase, asked.close_id) == (State.CLOSING, Phase.CHECKING, "2026-01-1")

    closed = asked.checked(("d1",)).posted().closed()

    assert (closed.state, closed.phase, closed.deliveries) == (State.CLOSED, None, ("d1",))
    with pytest.raises(PeriodClosed):
        closed.request("ann")


def test_asking_again_while_closing_changes_nothing() -> None:
    asked = Period("2026-01").request("ann")

    assert asked.request("bob") is asked


def test_a_blocked_period_can_be_closed_again_with_a_new_attempt() -> None:
    blocked = Period("2026-01").request("ann").checked(("d1",)).blocked()

    again = blocked.request("bob")

    assert (again.close_id, again.requested_by, again.deliveries) == ("2026-01-2", "bob", ())


def test_a_posted_period_can_no_longer_be_blocked() -> None:
    with pytest.raises(WrongPhase):
        Period("2026-01").request("ann").checked(()).posted().blocked()


def test_steps_out_of_order_are_refused() -> None:
    with pytest.raises(WrongPhase):
        Period("2026-01").posted()
