from __future__ import annotations

import pytest

from shared.focus import CANONICAL, COLUMNS, RENAMED, VERSIONS, columns_of, sniff_version


@pytest.mark.parametrize(
    ("version", "count"),
    [("1.0", 43), ("1.1", 50), ("1.2", 57), ("1.3", 65), ("1.4", 65)],
)
def test_each_version_has_as_many_columns_as_the_specification(version: str, count: int) -> None:
    assert len(columns_of(version)) == count


def test_canonical_columns_are_those_of_the_newest_version() -> None:
    assert columns_of(VERSIONS[-1]) == CANONICAL


def test_renamed_columns_lead_to_columns_that_live() -> None:
    names = {column.name for column in CANONICAL}
    assert set(RENAMED.values()) <= names
    assert not set(RENAMED) & names


@pytest.mark.parametrize("version", VERSIONS)
def test_the_columns_of_a_version_are_recognised(version: str) -> None:
    assert sniff_version([column.name for column in columns_of(version)]) == version


def test_mandatory_columns_alone_tell_old_from_new() -> None:
    old = [column.name for column in columns_of("1.0") if column.level == "mandatory"]
    new = [column.name for column in columns_of("1.4") if column.level == "mandatory"]
    assert sniff_version(old) == "1.0"
    assert sniff_version(new) == "1.4"


def test_costs_and_quantities_are_summable_and_prices_are_not() -> None:
    assert COLUMNS["BilledCost"].is_summable
    assert COLUMNS["ConsumedQuantity"].is_summable
    assert not COLUMNS["ListUnitPrice"].is_summable
    assert not COLUMNS["Tags"].is_summable


def test_every_column_is_described() -> None:
    assert all(len(column.description) > 10 for column in COLUMNS.values())
