"""Rounding to cents and writing exact amounts, against Decimal."""

from decimal import ROUND_HALF_EVEN, Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from synthetic.amounts import CENT, COST_SCALE, fixed, in_cents, percent, plain

costs = st.integers(-(10**24), 10**24)


@given(costs)
def test_costs_are_written_exactly(units: int) -> None:
    assert Decimal(fixed(units, COST_SCALE)) == Decimal(plain(units)) == Decimal(units).scaleb(-COST_SCALE)


@given(costs, st.integers(0, 100))
@example(units=-5 * CENT // 2, rate=100)
@example(units=CENT // 2, rate=100)
@example(units=3 * CENT // 2, rate=100)
def test_cents_are_rounded_half_even(units: int, rate: int) -> None:
    cost = Decimal(units).scaleb(-COST_SCALE)
    assert Decimal(in_cents(units)) == cost.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    share = (cost * rate / 100).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert Decimal(percent(units, rate)).scaleb(-COST_SCALE) == share
