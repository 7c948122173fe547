"""Document numbers and dates."""

from __future__ import annotations

import pytest

from services.chargeback.domain.numbering import (
    NUMBER_CHARACTERS_MAX,
    NumbersExhausted,
    assign,
    document_date,
    number,
    previous_period,
)


def test_numbers_are_consecutive_in_cost_center_and_currency_order_whatever_the_input_s() -> None:
    documents = [("CC-2", "EUR", "c"), ("CC-1", "USD", "b"), ("CC-1", "EUR", "a")]
    expected = {"a": "IC-2026-000008", "b": "IC-2026-000009", "c": "IC-2026-000010"}
    assert assign("IC", 2026, 8, documents) == expected
    assert assign("IC", 2026, 8, documents[::-1]) == expected


def test_the_longest_number_fits_sixteen_characters() -> None:
    assert len(number("ABCD", 2026, 999_999)) == NUMBER_CHARACTERS_MAX


def test_a_year_has_a_million_numbers_less_one() -> None:
    with pytest.raises(NumbersExhausted, match="another issuer code"):
        number("IC", 2026, 1_000_000)


@pytest.mark.parametrize(
    ("period", "date", "before"),
    [("2026-01", "2026-01-31", "2025-12"), ("2028-02", "2028-02-29", "2028-01"), ("2026-12", "2026-12-31", "2026-11")],
)
def test_documents_bear_the_last_day_of_their_period(period: str, date: str, before: str) -> None:
    assert document_date(period) == date
    assert previous_period(period) == before
