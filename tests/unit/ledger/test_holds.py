"""Which held deliveries block a close, which ones it awaits, and what the breaks say."""

from __future__ import annotations

from typing import Literal

import pytest

from services.ledger.closing.offsets import READ_TO_THE_END
from services.ledger.domain.holds import Hold, held, still_to_come
from shared.topics import HOLDS

State = Literal["held", "resumed", "superseded", "cancelled", "refused"]


def hold(state: State, *, tells_period: bool = True) -> Hold:
    newer = "d2" if state == "superseded" else None
    return Hold("d1", "aws", state, "2026-02-03T04:05:06", (("shrunk", "half is gone"),), tells_period, newer)


def test_a_held_delivery_is_a_break_that_says_what_to_do() -> None:
    (found,) = held([hold("held")])
    assert (found.code, found.key, found.actual) == ("held-delivery", "aws/d1", "shrunk")
    for words in ("d1 of aws", "since 2026-02-03", "shrunk: half is gone", "intake release d1", "`cancel`"):
        assert words in found.message
    assert "any" not in found.message


def test_one_that_tells_no_period_says_so() -> None:
    (found,) = held([hold("held", tells_period=False)])
    assert "none of its rows tells a billing period" in found.message


@pytest.mark.parametrize(
    ("state", "awaited"),
    [("held", None), ("resumed", "d1"), ("superseded", "d2"), ("cancelled", None), ("refused", None)],
)
def test_what_follows_a_decision_is_awaited_until_it_is_here(state: State, awaited: str | None) -> None:
    assert bool(held([hold(state)])) is (state == "held")
    assert [one.split()[1] for one in still_to_come([hold(state)], set())] == ([awaited] if awaited else [])
    assert still_to_come([hold(state)], {"d1", "d2"}) == []


def test_a_close_reads_the_holds_to_their_end() -> None:
    assert HOLDS.name in READ_TO_THE_END
