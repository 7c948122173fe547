"""Amounts: exact, bounded, and always written the same way."""

from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import Totals, decode, encode
from shared.money import (
    AmountOutOfRange,
    UnknownCurrency,
    add,
    from_units,
    minor_text,
    minor_unit,
    round_half_even,
    text,
    to_units,
)

units = st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1)


@given(units)
def test_units_and_amounts_are_the_same_thing(value: int) -> None:
    assert to_units(from_units(value)) == value


@given(units)
def test_text_is_plain_and_reads_back(value: int) -> None:
    written = text(from_units(value))
    assert "E" not in written
    assert written != "-0"
    assert Decimal(written) == from_units(value)


@given(units)
def test_the_wire_keeps_every_digit(value: int) -> None:
    sent = Totals(billing_period="2026-09", currency="USD", events=1, billed_cost=from_units(value),
                  effective_cost=Decimal(0))  # fmt: skip
    assert decode(Totals, encode(sent)).billed_cost == from_units(value)
    assert encode(decode(Totals, encode(sent))) == encode(sent)


def test_the_edge_of_the_range_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        from_units(10**38)
    with pytest.raises(AmountOutOfRange):
        round_half_even(Decimal("1e20"))


def test_the_largest_amount_is_not_refused() -> None:
    assert round_half_even(from_units(10**38 - 1)) == from_units(10**38 - 1)


def test_rounding_ties_go_to_the_even_digit() -> None:
    assert round_half_even(Decimal("0.0000000000000000005")) == 0
    assert round_half_even(Decimal("0.0000000000000000015")) == Decimal("0.000000000000000002")


def test_adding_never_loses_a_digit() -> None:
    large, small = Decimal(99999999999999999999), Decimal("1e-18")
    assert add(large, small) - large == small or str(add(large, small)).endswith("1")
    with pytest.raises(Inexact):
        add(Decimal("1e50"), Decimal("1e-50"))


@pytest.mark.parametrize(("code", "digits"), [("USD", 2), ("JPY", 0), ("BHD", 3), ("IQD", 3), ("CLF", 4), ("KRW", 0)])
def test_minor_units_are_those_of_iso_4217(code: str, digits: int) -> None:
    assert minor_unit(code) == digits


@pytest.mark.parametrize("code", ["XAU", "usd", "", "US", "ABC"])
def test_what_is_no_money_is_no_currency(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        minor_unit(code)


def test_minor_text_has_the_currency_s_digits() -> None:
    assert minor_text(Decimal("412.1"), "USD") == "412.10"
    with pytest.raises(Inexact):
        minor_text(Decimal("412.075"), "USD")
