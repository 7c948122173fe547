"""Driver measurements as they are handed in: exact, complete, or refused with every reason and its place."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.allocator.commands.drivers import read_csv
from services.allocator.driver_posting import ITEMS_MAX, MeasurementsInvalid, read_items
from services.allocator.measurements import MeasurementInvalid, problem_of, read_measurement
from shared.documents import DocumentInvalid
from shared.events import DriverMeasurement, decode, encode

GOOD: dict[str, object] = {
    "metric": "gb", "subject": "CC-1", "quantity": "12.5", "unit": "GB", "window_start": "2026-01-01",
    "window_end": "2026-02-01",
}  # fmt: skip


def test_days_are_the_start_of_the_day_in_utc_and_a_source_is_not_needed() -> None:
    measurement = read_measurement(GOOD).measurement
    assert measurement.window_start == "2026-01-01T00:00:00Z"
    assert measurement.measurement_id == "gb/CC-1/2026-01-01T00:00:00Z/2026-02-01T00:00:00Z/manual"


def test_an_offset_is_taken_into_account() -> None:
    measurement = read_measurement(GOOD | {"window_start": "2026-01-01T00:30:00+01:00"}).measurement
    assert measurement.window_start == "2025-12-31T23:30:00Z"


@given(st.decimals(min_value=0, max_value=10**20 - 1, places=18))
def test_a_quantity_is_exact_to_the_last_digit_on_the_wire(quantity: Decimal) -> None:
    sent = read_measurement(GOOD | {"quantity": format(quantity, "f")}).measurement
    arrived = decode(DriverMeasurement, encode(sent))
    assert arrived.quantity == quantity
    assert problem_of(arrived) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(), lambda inner: st.lists(inner, max_size=2)
)

WRONG: list[tuple[str, object, str]] = [
    ("metric", "a b", "metric 'a b' is no metric"),
    ("subject", " CC-1", "subject ' CC-1' is not text"),
    ("subject", "CC\n1", "is not text"),
    ("subject", "\ud800", "is not text"),
    ("subject", "x" * 201, "is not text of up to 200 characters"),
    ("quantity", "-1", "quantity '-1' is not a number from 0 on"),
    ("quantity", "1e3", "is not a number"),
    ("quantity", "1.0000000000000000001", "is not a number from 0 on with at most 20 + 18 digits"),
    ("quantity", "123456789012345678901", "is not a number"),
    ("quantity", True, "is not a number"),
    ("window_start", "2026-02-30", "is neither a day"),
    ("window_start", "2026-01-01T00:00:00", "nor a date-time with an offset"),
    ("window_start", "1066-10-14", "is not between 1970 and 2999"),
    ("window_end", "2026-01-01", "the window ends at 2026-01-01T00:00:00Z, not after its start"),
    ("revision", 0, "revision 0 is not an integer from 1 on"),
    ("withdrawn", "yes", "withdrawn 'yes' is neither true nor false"),
    ("colour", "red", "unknown field 'colour'"),
    ("unit", "", "unit is missing"),
]


@pytest.mark.parametrize(("field", "value", "message"), WRONG)
def test_what_is_wrong_is_said_with_the_field(field: str, value: object, message: str) -> None:
    with pytest.raises(MeasurementInvalid) as caught:
        read_measurement(GOOD | {field: value})
    assert message in str(caught.value)


@given(st.dictionaries(st.sampled_from([*GOOD, "source", "revision", "x"]), json_values))
def test_nothing_that_json_can_hold_is_more_than_refused(fields: dict[str, Any]) -> None:
    problems: tuple[str, ...] = ()
    try:
        read_measurement(fields)
    except MeasurementInvalid as error:
        problems = error.problems
    assert all(len(problem) < 300 for problem in problems)


def test_a_list_and_json_lines_are_the_same_and_numbers_stay_exact() -> None:
    second = GOOD | {"subject": "CC-2"}
    body = json.dumps([GOOD, second]).replace('"12.5"', "12.500000000000000001")
    lines = json.dumps(GOOD) + "\n\n" + json.dumps(second) + "\n"
    as_list, as_lines = read_items(body.encode()), read_items(lines.encode())
    assert [item.place for item in as_list] == ["item 1", "item 2"]
    assert [item.place for item in as_lines] == ["line 1", "line 3"]
    assert as_list[0].given.measurement.quantity == Decimal("12.500000000000000001")


def test_all_bad_items_are_listed_with_their_positions() -> None:
    with pytest.raises(MeasurementsInvalid) as caught:
        read_items(json.dumps([GOOD, {}, 7, GOOD, GOOD | {"quantity": "x", "unit": ""}]).encode())
    said = "\n".join(caught.value.problems)
    for expected in (
        "item 2: metric is missing", "item 3: not an object", "item 4: the same metric, subject, window and source as "
        "item 1", "item 5: quantity 'x'", "item 5: unit is missing",
    ):  # fmt: skip
        assert expected in said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "there is no measurement"),
        (b"[]", "there is no measurement"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"[1", "not JSON"),
        (b'{"quantity": NaN}', "line 1: not JSON: NaN is no number"),
        (b"[" * 100_000, "not JSON"),
        (b"[" + b"1," * ITEMS_MAX + b"{}]", "not an object"),
    ],
)
def test_a_body_that_is_no_measurements_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(MeasurementsInvalid, match=message):
        read_items(body)


def test_too_many_at_once_are_refused() -> None:
    with pytest.raises(MeasurementsInvalid, match=f"{ITEMS_MAX} is the most at once"):
        read_items(b"{}\n" * (ITEMS_MAX + 1))


CSV = "metric,subject,quantity,unit,window_start,window_end,source\n"


def test_a_csv_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "drivers.csv"
    file.write_text(CSV + "gb,CC-1,1.5,GB,2026-01-01,2026-02-01,\ngb,CC-2,2,GB,2026-01-01,2026-02-01,billing\n")
    first, second = read_csv(file)
    assert first == GOOD | {"quantity": "1.5"}
    assert second["source"] == "billing"


def test_everything_wrong_in_a_csv_file_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "drivers.csv"
    row = "gb,CC-1,1,GB,2026-01-01,2026-02-01,\n"
    file.write_text(CSV + row + "gb,CC-2,x,,2026-01-01,2026-02-01,\n" + row + "a,b\n")
    with pytest.raises(DocumentInvalid) as caught:
        read_csv(file)
    assert [(error.line, error.message) for error in caught.value.errors] == [
        (3, "quantity 'x' is not a number from 0 on with at most 20 + 18 digits, like 12.5"),
        (3, "unit is missing"),
        (4, "the same metric, subject, window and source as line 2"),
        (5, "2 cells in a table of 7 columns"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("metric,subject\n", "column 'quantity' is missing"),
        (CSV.replace("source", "colour"), "column 'colour' is one too many"),
        (CSV, "there is no measurement in the file"),
    ],
)
def test_a_csv_file_without_the_right_columns_or_rows_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "drivers.csv"
    file.write_text(content)
    with pytest.raises(DocumentInvalid, match=message):
        read_csv(file)
