"""Costs that teams meter themselves: read strictly, completed, and taken in like a file."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from services.intake.direct import BodyRefused, complete, read_body, write_file
from services.intake.direct.schema import COST_SCHEMA
from services.intake.domain.styles import Style
from tests.unit.intake.desk import Desk, Outcome

JSON, LINES = "application/json", "application/x-ndjson"
COST = {"ServiceName": "farm", "ChargePeriodStart": "2026-01-31", "EffectiveCost": "1.5", "BillingCurrency": "EUR"}


def taken(directory: Path, body: bytes, media_type: str = JSON, key: str = "k1") -> Outcome:
    rows = complete("render", key, read_body(body, media_type), media_type)
    file = directory / f"{key}.csv"
    file.write_bytes(write_file(rows))
    return Desk(directory).deliver(file, style=Style.APPEND)


def refused(body: bytes, media_type: str = JSON) -> list[str]:
    with pytest.raises(BodyRefused) as raised:
        complete("render", "k", read_body(body, media_type), media_type)
    return [f"{one.place} {one.column} {one.message}" for one in raised.value.problems]


def lines(*costs: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(cost) for cost in costs).encode()


def test_what_is_not_said_is_derived(tmp_path: Path) -> None:
    (event,) = taken(tmp_path, lines(COST | {"ConsumedQuantity": 5, "Tags": {"team": "a"}}), LINES).events
    assert event.billing_period == "2026-01"
    assert event.charge == {
        "BilledCost": "0", "BillingAccountId": "render", "BillingAccountName": "render", "BillingCurrency": "EUR",
        "BillingPeriodEnd": "2026-02-01T00:00:00Z", "BillingPeriodStart": "2026-01-01T00:00:00Z",
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based", "ChargePeriodEnd": "2026-02-01T00:00:00Z",
        "ChargePeriodStart": "2026-01-31T00:00:00Z", "ConsumedQuantity": "5", "ContractedCost": "1.5",
        "EffectiveCost": "1.5", "InvoiceIssuerName": "render", "ListCost": "1.5", "PricingQuantity": "5",
        "ServiceCategory": "Other", "ServiceName": "farm", "ServiceProviderName": "render", "Tags": {"team": "a"},
    }  # fmt: skip
    assert event.custom == {"x_IdempotencyKey": "k1"}


def test_what_is_said_stays(tmp_path: Path) -> None:
    said = {"BilledCost": "7", "BillingPeriodStart": "2026-03-01", "BillingPeriodEnd": "2026-04-01", "x_Job": 'a\nb,"c'}
    (event,) = taken(tmp_path, json.dumps([COST | said]).encode()).events
    assert (event.billing_period, event.charge["BilledCost"], event.custom["x_Job"]) == ("2026-03", "7", 'a\nb,"c')


def test_equal_costs_of_one_request_are_so_many_costs(tmp_path: Path) -> None:
    assert len(taken(tmp_path, lines(COST, COST, COST), LINES).events) == 3


def test_every_problem_is_named_with_its_line() -> None:
    body = lines(
        COST,
        COST | {"EffectiveCost": "1,5"},
        COST | {"BillingCurrency": "EURO", "ChargePeriodEnd": "soon"},
    )  # fmt: skip
    assert refused(body, LINES) == [
        "2 EffectiveCost has '1,5', but must be a decimal number such as -12.5 or 2.3E-9",
        "3 BillingCurrency has 'EURO', but must be an ISO 4217 currency code such as USD",
        "3 ChargePeriodEnd has 'soon', but must be a UTC date and time such as 2024-09-01T00:00:00Z",
    ]
    said = refused(
        b'{"a": 1}\n\n{]\n' + lines({"SubAccountId": 7, "ProviderName": "x", "Tags": "t", "Cost": "1"}), LINES
    )
    assert said[:5] == [
        "1 BillingCurrency is missing", "1 ChargePeriodStart is missing", "1 EffectiveCost is missing",
        "1 ServiceName is missing", "1 a is no FOCUS 1.4 column; a column of your own begins with x_",
    ]  # fmt: skip
    assert said[5].startswith("3  it can't be read as JSON")
    assert {
        "4 SubAccountId must be text, in quotation marks; it has the number 7", "4 Tags must be an object",
        "4 ProviderName is not in FOCUS 1.4; use ServiceProviderName",
    } <= set(said)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "can't be read as JSON"),
        (b"[]", "there are no costs in it"),
        (b"{}", "the body must be an array"),
        (b"[1]", "a cost must be an object"),
        (b'[{"EffectiveCost": 1, "EffectiveCost": 2}]', "names something twice"),
        (b'[{"EffectiveCost": NaN}]', "NaN is no number"),
        (b"[" * 200_000, "can't be read as JSON"),
        (b"\xff\xfe", "can't be read as JSON"),
        (json.dumps([COST | {"ServiceName": "a\0"}]).encode(), "has characters that are no text"),
        (b'[{"x_A": "\\ud800"}]', "has characters that are no text"),
        (json.dumps([COST | {"ChargePeriodStart": "yesterday"}]).encode(), "ChargePeriodStart has 'yesterday'"),
        (json.dumps([COST | {"EffectiveCost": ""}]).encode(), "EffectiveCost needs a value"),
    ],
)  # fmt: skip
def test_bodies_that_are_not_taken_in_say_why(body: bytes, expected: str) -> None:
    assert any(expected in said for said in refused(body))


@settings(max_examples=15, deadline=None)
@given(st.decimals(min_value=-(10**15), max_value=10**15, places=18, allow_nan=False), st.booleans())
def test_amounts_keep_every_digit(amount: Decimal, quoted: bool) -> None:
    text = f'"{amount}"' if quoted else str(amount)
    body = b'[{"ServiceName":"s","ChargePeriodStart":"2026-01-01","BillingCurrency":"USD","EffectiveCost":%b}]'
    (row,) = complete("render", "k", read_body(body % text.encode(), JSON), JSON)
    assert Decimal(row["EffectiveCost"] or "") == amount


def test_the_schema_agrees_with_what_is_taken_in() -> None:
    validator = Draft202012Validator(COST_SCHEMA)
    validator.check_schema(COST_SCHEMA)
    for good in (COST, COST | {"EffectiveCost": 2.5, "x_a": None, "Tags": {"a": 1}}):
        assert validator.is_valid(good)
        assert read_body(json.dumps([good]).encode(), JSON)
    for bad in (COST | {"Cost": "1"}, COST | {"SubAccountId": 1}, {"ServiceName": "a"}, COST | {"EffectiveCost": "x"}):
        assert not validator.is_valid(bad)
        assert refused(json.dumps([bad]).encode())
