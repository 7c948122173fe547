"""The FOCUS rounding variance tolerance, exact."""

from __future__ import annotations

from decimal import Decimal
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import tolerance


@pytest.mark.parametrize(
    ("rows", "currency", "expected"),
    [
        (0, "USD", "1.00"), (5, "USD", "1.00"), (40_000, "USD", "1.00"), (1_000_000, "USD", "5.00"),
        (5, "JPY", "100"), (1_000_000, "JPY", "500"), (1_000_000, "BHD", "0.5"),
        (50_000, "USD", "1.118033988749894848"),
    ],
)  # fmt: skip
def test_follows_the_formula(rows: int, currency: str, expected: str) -> None:
    assert tolerance(rows, currency) == Decimal(expected)


@given(st.integers(0, 10**12))
def test_is_the_largest_amount_within_the_bound(rows: int) -> None:
    units = int(tolerance(rows, "USD").scaleb(18))
    subunit = 10**16
    assert units >= 100 * subunit
    if units > 100 * subunit:
        assert 4 * units**2 <= rows * subunit**2 < 4 * (units + 1) ** 2
    assert isqrt(units**2) == units
