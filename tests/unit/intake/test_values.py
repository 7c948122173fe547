from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.amounts import NotAnAmount, exact_amount
from services.intake.domain.delivery import ArchivedFile, ImpossibleStep, State, check_step, delivery_id
from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.domain.invoices import InvoiceContent, next_revision
from services.intake.domain.partitions import partition_of
from services.intake.reading import values
from services.intake.reading.objects import NotAnObject, canonical_object

_WIDE = Context(prec=2_000, rounding=ROUND_HALF_EVEN)
numbers = st.decimals(min_value=-(10**19), max_value=10**19, places=25, allow_nan=False, allow_infinity=False)


@given(numbers, st.sampled_from(["f", "e", "E"]))
def test_any_notation_of_an_amount_gives_its_exact_value(number: Decimal, notation: str) -> None:
    amount = exact_amount(format(number, notation))
    kept = Decimal(amount.digits)
    assert kept == number.quantize(Decimal("1e-18"), context=_WIDE)
    assert _WIDE.add(kept, amount.residue) == number
    assert "E" not in amount.digits.upper()
    assert amount.digits == exact_amount(amount.digits).digits


@given(st.lists(st.one_of(numbers.map(str), st.text(max_size=12), st.just("-0.00"), st.just("1.10")), max_size=30))
def test_the_fast_path_says_what_the_rule_says(texts: list[str]) -> None:
    canonical = values.amounts(pa.array(texts, pa.string()).dictionary_encode())
    for text, found in zip(texts, canonical.column.to_pylist(), strict=True):
        try:
            assert found == exact_amount(text).digits
        except NotAnAmount:
            assert found is None


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("35.2E-7", "0.00000352"), ("35.2E+7", "352000000"), ("+3", "3"), (".5", "0.5"), ("5.", "5"), ("007", "7"),
        ("-0", "0"), ("-0.000", "0"), ("1e-999", "0"), ("0e9", "0"), ("1.0000000000000000005", "1"),
        ("1.0000000000000000015", "1.000000000000000002"), ("99999999999999999999.5", "99999999999999999999.5"),
    ],
)  # fmt: skip
def test_amounts(text: str, digits: str) -> None:
    assert exact_amount(text).digits == digits


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1,5", "1_0", "0x1", "NaN", "Infinity", "-", ".", "e5", "1e", "--1", "\u0663", "1e1000", "1e20",
     "99999999999999999999.9999999999999999999", "1" * 400],
)  # fmt: skip
def test_texts_that_are_no_amounts(text: str) -> None:
    with pytest.raises(NotAnAmount):
        exact_amount(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2024-09-01T00:00:00Z", "2024-09-01T00:00:00Z"), ("2024-09-01 00:00:00", "2024-09-01T00:00:00Z"),
        ("2024-09-01", "2024-09-01T00:00:00Z"), ("2023-11-13T10:00Z", "2023-11-13T10:00:00Z"),
        ("2024-09-01 00:00:00+00", "2024-09-01T00:00:00Z"), ("2024-09-01 00:00:00 UTC", "2024-09-01T00:00:00Z"),
        ("2024-09-01T01:30:00+02:00", "2024-08-31T23:30:00Z"), ("2024-09-01T00:00:00.000Z", "2024-09-01T00:00:00Z"),
        ("2024-09-01T00:00:00.250Z", "2024-09-01T00:00:00.25Z"),
    ],
)  # fmt: skip
def test_instants(text: str, canonical: str) -> None:
    assert utc_text(text) == canonical


@pytest.mark.parametrize(
    "text", ["", "2024", "2024-13-01", "2024-02-30", "2024-9-1", "01/09/2024", "2024-09-01T25:00:00Z", "2024-09-01x",
             "0001-01-01T00:00:00+05:00", "\u0662024-09-01"],
)  # fmt: skip
def test_texts_that_are_no_instants(text: str) -> None:
    with pytest.raises(NotAnInstant):
        utc_text(text)


def test_objects_become_canonical_and_keep_their_numbers_exact() -> None:
    text = '{ "b": 1.10, "a": {"y": 123456789012345678901234567890.123, "x": [1, null]} }'
    assert canonical_object(text) == '{"a":{"x":[1,null],"y":123456789012345678901234567890.123},"b":1.10}'


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"a":NaN}', '{"a":1E999}', '{"a":"\\u0000"}', '{"a":"\\ud800"}'])
def test_texts_that_are_no_objects(text: str) -> None:
    with pytest.raises(NotAnObject):
        canonical_object(text)


def test_the_partition_of_a_key_never_changes() -> None:
    keys = ["", "0012345\x1f001\x1fVM\x1fr1", "ä\x1f\x1f漢\x1f"]
    assert [partition_of(key, 6) for key in keys] == [2, 4, 1]


def test_a_delivery_goes_forward_only() -> None:
    check_step("d", State.RECEIVED, State.NORMALISED)
    check_step("d", State.RECEIVED, State.REFUSED)
    for state, following in [
        (State.PUBLISHING, State.REFUSED), (State.COMPLETE, State.PUBLISHING), (State.RECEIVED, State.COMPLETE),
    ]:  # fmt: skip
        with pytest.raises(ImpossibleStep, match=f"is {state} and can't become {following}"):
            check_step("d", state, following)


def test_delivery_ids_come_from_source_ordinal_and_content() -> None:
    file = ArchivedFile("a.csv", "0" * 64, 1)
    assert delivery_id("s", 1, [file]) == delivery_id("s", 1, [file])
    assert len({delivery_id("s", 1, [file]), delivery_id("s", 2, [file]), delivery_id("t", 1, [file])}) == 3


def test_an_invoice_gets_a_revision_only_for_other_content() -> None:
    paid, more = InvoiceContent(Decimal("1.0"), "Issued"), InvoiceContent(Decimal("1.1"), "Issued")
    assert next_revision(None, paid) == 1
    assert next_revision((paid, 3), InvoiceContent(Decimal(1), "Issued")) is None
    assert next_revision((paid, 3), more) == 4
    assert next_revision((paid, 3), InvoiceContent(Decimal(1), "Voided")) == 4
