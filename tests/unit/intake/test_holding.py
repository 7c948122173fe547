"""When a delivery is held: limits of rejections, deliveries that shrink, and the order of a source's deliveries."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.delivery import ENDED, UNFINISHED, ImpossibleStep, Scope, State, check_step
from services.intake.domain.holding import (
    Claim,
    NotALimit,
    RejectLimit,
    Relation,
    Size,
    behind,
    claims,
    relation,
    shrunk,
    too_many_rejected,
)

HALF = Decimal("0.5")


@pytest.mark.parametrize(
    ("limit", "rejected", "rows", "allowed"),
    [
        ("0", 0, 10, True), ("0", 1, 10, False), ("3", 3, 3, True), ("3", 4, 400, False), ("0%", 1, 10**9, False),
        ("1%", 1, 100, True), ("1%", 1, 99, False), (" 0.5% ", 5, 1000, True), ("0.5%", 6, 1000, False),
        ("100%", 9, 9, True),
    ],
)  # fmt: skip
def test_a_limit_is_a_number_of_rows_or_a_share_of_them(limit: str, rejected: int, rows: int, allowed: bool) -> None:
    parsed = RejectLimit.parse(limit)
    assert parsed.allows(rejected, rows) is allowed
    assert len(list(too_many_rejected(parsed, rejected, rows))) == (not allowed)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "ten", "1 %%", "1e3", "٣", "NaN"])
def test_other_texts_are_no_limit(text: str) -> None:
    with pytest.raises(NotALimit, match="number of rows"):
        RejectLimit.parse(text)


def size(rows: int, billed: str, effective: str, currency: str = "USD", period: str = "2026-01") -> Size:
    return Size(period, currency, rows, Decimal(billed), Decimal(effective))


def test_rows_and_each_currency_are_looked_at_by_period() -> None:
    before = [size(100, "1000", "900"), size(10, "50", "50", "EUR"), size(9, "9", "9", period="2026-02")]
    after = [size(60, "499.99", "450"), size(1, "25", "0", "EUR"), size(9, "9", "9", period="2026-02")]
    assert [reason.message.partition(": ")[0] for reason in shrunk(before, after, HALF)] == [
        "2026-01 has 499.99 USD of absolute BilledCost where 1000 are in force",
        "2026-01 has 0 EUR of absolute EffectiveCost where 50 are in force",
    ]


def test_exactly_the_share_may_vanish_and_without_anything_in_force_nothing_can() -> None:
    assert list(shrunk([size(10, "10", "10")], [size(5, "5", "5")], HALF)) == []
    assert list(shrunk([], [size(0, "0", "0")], Decimal(0))) == []
    assert list(shrunk([size(10, "10", "10")], [], Decimal(1))) == []


@given(
    st.integers(0, 10**12), st.integers(0, 10**12), st.decimals(0, 1, places=6),
)  # fmt: skip
def test_shrinking_is_decided_exactly(before: int, after: int, share: Decimal) -> None:
    """Compared with integers of a millionth: no amount of digits may tip the balance."""
    held = bool(list(shrunk([size(0, f"{before}E-18", "0")], [size(0, f"{after}E-18", "0")], share)))
    assert held is ((before - after) * 10**6 > before * int(share.scaleb(6)))


def test_a_newer_delivery_replaces_a_held_one_only_with_all_of_its_scopes() -> None:
    january, february = Scope("A", "2026-01"), Scope("A", "2026-02")
    assert relation({january, february}, claims({january}, [])) is Relation.REPLACES
    assert relation({january}, claims({january}, [])) is Relation.REPLACES
    assert relation({january}, claims({january, february}, [])) is Relation.OVERLAPS
    assert relation({january}, claims({february}, [])) is Relation.APART
    assert list(behind([])) == []
    assert "b, c" in next(behind(["c", "b"])).message


def test_rejected_rows_of_a_held_delivery_count_as_far_as_they_tell_where_they_belong() -> None:
    january, february, other = Scope("A", "2026-01"), Scope("A", "2026-02"), Scope("B", "2026-01")
    assert relation({february}, claims([], [january])) is Relation.APART
    assert relation({january}, claims([february], [january])) is Relation.OVERLAPS
    assert relation({other}, claims([], [(None, "2026-01")])) is Relation.REPLACES
    assert relation({other}, claims([january], [(None, "2026-01")])) is Relation.APART
    assert claims([january], [(None, "2026-01"), ("A", None), (None, None)]) == [Claim("A", "2026-01")]


def test_what_tells_nothing_is_replaced_by_anything_that_has_rows() -> None:
    assert relation({Scope("A", "2026-01")}, claims([], [(None, None), ("A", None)])) is Relation.REPLACES
    assert relation(set(), claims([], [])) is Relation.APART


def test_a_held_delivery_waits_for_a_person_and_what_ended_stays_ended() -> None:
    assert State.HELD not in UNFINISHED
    assert State.RELEASED in UNFINISHED
    assert {State.COMPLETE, State.REFUSED, State.CANCELLED, State.SUPERSEDED} == set(ENDED)
    for state in (State.NORMALISED, State.PUBLISHING, State.COMPLETE):
        with pytest.raises(ImpossibleStep):
            check_step("d", state, State.CANCELLED)
