"""The promises of the splitting function, for any input."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.apportion import AllWeightsZero, NegativeWeight, WholeOutOfReach, largest_remainder, round_parts, split
from shared.money import CONTEXT, round_half_even, to_units, total

amounts = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False, places=18
)
weights = st.lists(
    st.decimals(min_value=0, max_value=Decimal("1e9"), allow_nan=False, allow_infinity=False, places=6),
    min_size=1,
    max_size=40,
)


def names(count: int) -> list[str]:
    return [f"cc-{i:03}" for i in range(count)]


@given(amounts, weights)
def test_parts_of_a_split_add_up_to_the_whole(amount: Decimal, shares: list[Decimal]) -> None:
    if not any(shares):
        return
    assert total(split(amount, shares, names(len(shares)))) == amount


@given(amounts, weights)
def test_a_credit_splits_as_the_mirror_image_of_the_charge(amount: Decimal, shares: list[Decimal]) -> None:
    if not any(shares):
        return
    keys = names(len(shares))
    assert split(CONTEXT.minus(amount), shares, keys) == [CONTEXT.minus(part) for part in split(amount, shares, keys)]


@given(amounts, weights, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(amount: Decimal, shares: list[Decimal], random: Random) -> None:
    if not any(shares):
        return
    pairs = list(zip(names(len(shares)), shares, strict=True))
    straight = dict(zip(names(len(shares)), split(amount, shares, names(len(shares))), strict=True))
    random.shuffle(pairs)
    keys = [key for key, _ in pairs]
    shuffled = dict(zip(keys, split(amount, [share for _, share in pairs], keys), strict=True))
    assert shuffled == straight


@given(amounts, weights)
def test_zero_weight_gets_nothing_and_equal_weights_differ_by_one_unit_at_most(
    amount: Decimal, shares: list[Decimal]
) -> None:
    if not any(shares):
        return
    parts = split(amount, [*shares, Decimal(0), shares[0]], names(len(shares) + 2))
    assert parts[-2] == 0
    assert abs(to_units(CONTEXT.subtract(parts[-1], parts[0]))) <= 1


@given(st.lists(amounts, min_size=1, max_size=60), st.sampled_from([0, 2, 3]))
def test_rounded_parts_add_up_and_move_by_less_than_a_unit(parts: list[Decimal], scale: int) -> None:
    whole = round_half_even(total(parts), scale)
    rounded = round_parts(whole, parts, names(len(parts)), scale)
    assert total(rounded) == whole
    for exact, part in zip(parts, rounded, strict=True):
        assert abs(CONTEXT.subtract(exact, part)) < Decimal(1).scaleb(-scale)


@given(st.lists(amounts, min_size=1, max_size=60), st.sampled_from([0, 2, 3]))
def test_rounding_mirrors(parts: list[Decimal], scale: int) -> None:
    keys = names(len(parts))
    whole = round_half_even(total(parts), scale)
    mirrored = round_parts(CONTEXT.minus(whole), [CONTEXT.minus(part) for part in parts], keys, scale)
    assert mirrored == [CONTEXT.minus(part) for part in round_parts(whole, parts, keys, scale)]


def test_ties_go_to_the_smaller_key() -> None:
    assert split(Decimal("0.000000000000000001"), [Decimal(1), Decimal(1)], ["b", "a"]) == [0, Decimal("1e-18")]


def test_nothing_to_split_by_is_an_error_of_its_own() -> None:
    with pytest.raises(AllWeightsZero):
        split(Decimal(1), [Decimal(0)], ["a"])


def test_negative_weights_are_refused_by_name() -> None:
    with pytest.raises(NegativeWeight, match="'a' is negative"):
        split(Decimal(1), [Decimal(-1)], ["a"])


def test_a_whole_that_rounding_cannot_reach_is_refused() -> None:
    with pytest.raises(WholeOutOfReach):
        largest_remainder(5, [10, 10], 10, ["a", "b"])


def test_weights_count_to_their_last_digit_whatever_the_thread_s_precision() -> None:
    large = Decimal("12345678901234567890.123456789012345678")
    weights = [large, CONTEXT.add(large, Decimal("1e-18"))]
    first, second = split(Decimal("0.000000000000000001"), weights, ["a", "b"])
    assert (first, second) == (Decimal(0), Decimal("1e-18"))
