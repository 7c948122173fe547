"""Flags on rows: each is set where its rule says, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from services.intake.quality.flags.combining import CODES
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

PRICED = {
    "ListUnitPrice": "2.5",
    "PricingQuantity": "4",
    "ListCost": "10",
    "ContractedUnitPrice": "2",
    "ContractedCost": "8",
}
LARGE = PRICED | {"ListUnitPrice": "1E9", "PricingQuantity": "9", "ContractedCost": "18"}
COMMITTED = {"CommitmentDiscountId": "c-1", "CommitmentDiscountStatus": "Used", "ConsumedQuantity": ""}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")


def flags_of(desk: Desk, tmp_path: Path, **values: str) -> list[str]:
    (event,) = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1, **values)])).events
    return event.flags


CASES: list[tuple[dict[str, str], list[str]]] = [
        ({}, []),
        ({"EffectiveCost": "1"}, ["effective-cost-rounded"]),
        ({"EffectiveCost": "2", "BilledCost": "1.5"}, ["effective-cost-rounded"]),
        ({"EffectiveCost": "0", "BilledCost": "1.5"}, []),
        ({"EffectiveCost": "0", "BilledCost": "0.5", "ChargeCategory": "Purchase"}, []),
        (PRICED, []),
        (PRICED | {"ListCost": "10.00001"}, []),
        (PRICED | {"ListCost": "10.000011"}, ["cost-price-mismatch"]),
        (PRICED | {"ContractedCost": "-8"}, ["cost-price-mismatch"]),
        (PRICED | {"ListCost": "11", "ChargeClass": "Correction"}, []),
        (PRICED | {"ListCost": "11", "ListUnitPrice": ""}, []),
        (LARGE | {"ListCost": "9000000008.9"}, []),
        (LARGE | {"ListCost": "9000000009.1"}, ["cost-price-mismatch"]),
        ({"InvoiceId": ""}, ["invoice-id-missing"]),
        ({"InvoiceId": "", "BilledCost": "0.0"}, []),
        ({"ChargeCategory": "usage"}, ["unknown-value"]),
        ({"ServiceCategory": "AI", "ChargeClass": "correction"}, ["unknown-value"]),
        ({"RegionId": " "}, ["empty-string-for-null"]),
        ({"SubAccountId": "N/A"}, ["empty-string-for-null"]),
        ({"Tags": "{oops"}, ["tags-unparsable"]),
        ({"SkuPriceDetails": "{oops"}, ["json-unparsable"]),
        ({"Tags": '{"Env": 1, "env": 2}'}, ["tag-keys-alike"]),
        ({"Tags": '{" org": {"env": 1}, "org": "x", "a": "Env"}'}, ["tag-keys-alike"]),
        ({"Tags": '{"a": "env", "b": "Env", "aws:x": "\\":1,\\"aws:X"}'}, []),
        ({"ChargePeriodStart": "2026-01-02T00:00:00"}, ["time-not-utc"]),
        ({"ChargePeriodStart": "2026-01-02T02:00:00+02:00"}, ["time-not-utc"]),
        ({"ChargePeriodStart": "2026-01-02"}, ["time-not-utc"]),
        ({"ChargePeriodStart": "2026-01-02T00:00:00+00:00", "ChargePeriodEnd": "2026-01-03 00:00 UTC"}, []),
        (COMMITTED, []),
        (COMMITTED | {"CommitmentDiscountId": ""}, ["commitment-inconsistent"]),
        (COMMITTED | {"CommitmentDiscountStatus": ""}, ["commitment-inconsistent"]),
        (COMMITTED | {"CommitmentDiscountStatus": "Unused", "ConsumedQuantity": "1"}, ["commitment-inconsistent"]),
        (COMMITTED | {"ChargeCategory": "Purchase", "CommitmentDiscountStatus": ""}, []),
        (COMMITTED | {"ChargeCategory": "Purchase"}, ["commitment-inconsistent"]),
        ({"InvoiceId": "", "Tags": "x", "ChargeCategory": "Fee"},
     ["invoice-id-missing", "unknown-value", "tags-unparsable"]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), CASES)
def test_a_row_carries_the_flags_of_the_rules_it_breaks(
    desk: Desk, tmp_path: Path, values: dict[str, str], expected: list[str]
) -> None:
    assert flags_of(desk, tmp_path, **values) == expected


def test_each_row_has_its_own_flags_whatever_the_order_and_the_rejections(desk: Desk, tmp_path: Path) -> None:
    marks = [{}, {"InvoiceId": ""}, {"BilledCost": "?"}, {"ChargeCategory": "Fee"}, {"Tags": "x"}]
    rows = [charge(n, **marks[n % 5]) for n in range(200)]
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    expected = {0: [], 1: ["invoice-id-missing"], 3: ["unknown-value"], 4: ["tags-unparsable"]}
    for event in outcome.events:
        assert event.flags == expected[int(str(event.charge["ResourceId"]).removeprefix("vm-")) % 5]
    examples = outcome.reading.observations.examples
    assert [one.line for one in examples["unknown-value"]] == [5, 10, 15, 20, 25]
    assert examples["unknown-value"][0].values == {"ChargeCategory": "Fee"}


def test_flags_are_no_part_of_the_hash_and_retractions_have_none(desk: Desk, tmp_path: Path) -> None:
    local = charge(1, ChargePeriodStart="2026-01-02 00:00:00")
    (flagged,) = desk.deliver(write_csv(tmp_path / "a.csv", [local])).events
    assert flagged.flags == ["time-not-utc"]
    assert desk.deliver(write_csv(tmp_path / "b.csv", [charge(1)])).events == []
    first = desk.deliver(write_csv(tmp_path / "c.csv", [charge(2, InvoiceId="")])).events
    assert {event.kind: event.flags for event in first} == {"charge": ["invoice-id-missing"], "retraction": []}
    (gone, _) = sorted(desk.deliver(write_csv(tmp_path / "d.csv", [charge(3)])).events, key=lambda one: -len(one.kind))
    assert (gone.kind, gone.flags) == ("retraction", [])


def test_parquet_tells_empty_text_from_null_and_typed_times_are_utc(desk: Desk, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "a.csv", [charge(1), charge(2)])
    target = tmp_path / "a.parquet"
    duckdb.execute(
        f"COPY (SELECT * REPLACE (CASE WHEN ResourceId = 'vm-1' THEN '' END AS RegionId, "
        f"ChargePeriodStart::TIMESTAMP AS ChargePeriodStart) "
        f"FROM read_csv('{source}', all_varchar = true)) TO '{target}' (FORMAT parquet)"
    )
    events = {str(one.charge["ResourceId"]): one for one in desk.deliver(target).events}
    assert {name: event.flags for name, event in events.items()} == {"vm-1": ["empty-string-for-null"], "vm-2": []}
    assert "RegionId" not in events["vm-1"].charge
    assert events["vm-1"].charge["ChargePeriodStart"] == "2026-01-02T00:00:00Z"


def test_json_lines_tell_empty_text_from_null_and_from_the_word(desk: Desk, tmp_path: Path) -> None:
    regions: dict[int, object] = {1: "", 2: None, 3: "NULL", 4: "eu"}
    rows: list[dict[str, object]] = [{**charge(number), "RegionId": region} for number, region in regions.items()]
    for row in rows:
        del row["ChargeClass"]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    events = {str(one.charge["ResourceId"]): one for one in desk.deliver(file).events}
    assert {name: event.flags for name, event in events.items()} == {
        "vm-1": ["empty-string-for-null"], "vm-2": [], "vm-3": [], "vm-4": [],
    }  # fmt: skip
    assert ["RegionId" in one.charge for _, one in sorted(events.items())] == [False, False, False, True]


@pytest.mark.parametrize("nothing", ["", '""'])
def test_csv_does_not_tell_what_an_empty_field_was_meant_to_be(desk: Desk, tmp_path: Path, nothing: str) -> None:
    file = write_csv(tmp_path / "a.csv", [charge(1, RegionId="no-region")])
    file.write_text(file.read_text().replace("no-region", nothing))
    (event,) = desk.deliver(file).events
    assert (event.flags, "RegionId" in event.charge) == ([], False)


def test_the_archive_keeps_the_flags(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1), charge(2, InvoiceId="")]))
    path = desk.archive.rows(outcome.delivery_id, "2026-01")
    kept = duckdb.execute("SELECT flags FROM read_parquet(?) ORDER BY ResourceId", [str(path)]).fetchall()
    assert [text and json.loads(text) for (text,) in kept] == [None, ["invoice-id-missing"]]


def test_a_price_beyond_all_reason_is_taken_in_and_compared_with_nothing(desk: Desk, tmp_path: Path) -> None:
    assert flags_of(desk, tmp_path, **(PRICED | {"ListUnitPrice": "9" * 20, "ListCost": "1"})) == []


def test_every_flag_has_a_case() -> None:
    assert {code for _, expected in CASES for code in expected} == set(CODES)
