from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from services.intake.reading.errors import RowTooLong, WrongEncoding
from services.intake.reading.normalise import BODY_BYTES_MAX
from tests.unit.intake.desk import Desk, dense
from tests.unit.intake.exports import charge, write_csv

TORTURE = [
    'quote " and "" twice', "comma, semicolon; tab\t", "line\nbreak", "cr\r\nlf", "back\\slash \\n", "{'json': 1}",
    "ümläut 漢字 😀 \u2028", "\x01\x1f\x7f control", " spaces ", "'single'", "=SUM(A1)", "NULLABLE", "\\u0041",
]  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")


def test_a_charge_becomes_an_event_with_canonical_names_and_values(desk: Desk, tmp_path: Path) -> None:
    row = charge(1, BilledCost="1.500", ListCost="2.3E-9", x_Team="core", BillingPeriodStart="2026-01-01 00:00:00")
    (event,) = desk.deliver(write_csv(tmp_path / "a.csv", [row])).events
    assert event.kind == "charge"
    assert (event.billing_period, event.charge_day, event.sequence, event.occurrence) == ("2026-01", "2026-01-02", 0, 0)
    assert event.charge["BilledCost"] == "1.5"
    assert event.charge["ListCost"] == "0.0000000023"
    assert event.charge["BillingAccountId"] == "0012345"
    assert event.charge["BillingPeriodStart"] == "2026-01-01T00:00:00Z"
    assert event.charge["ServiceProviderName"] == "Cloud"
    assert event.charge["HostProviderName"] == "Cloud Host"
    assert event.charge["Tags"] == {"team": "a"}
    assert event.custom == {"x_Team": "core"}
    assert not {"ChargeClass", "ProviderName", "PublisherName"} & set(event.charge)


def test_any_text_survives_quoting_and_escaping(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(n, ChargeDescription=text, x_Note=text, Odd=text) for n, text in enumerate(TORTURE)]
    events = desk.deliver(write_csv(tmp_path / "a.csv", rows)).events
    found = {(str(e.charge["ChargeDescription"]), e.custom["x_Note"], e.custom["x_Odd"]) for e in events}
    assert found == {(text, text, text) for text in TORTURE}


def test_events_of_a_partition_and_archived_rows_stand_in_the_order_of_the_file(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(n) for n in range(5_000)]))
    assert dense(outcome.events)
    numbers: dict[int, list[int]] = {}
    for event in outcome.events:
        numbers.setdefault(event.partition, []).append(int(str(event.charge["ResourceId"]).removeprefix("vm-")))
    assert sorted(chain.from_iterable(numbers.values())) == list(range(5_000))
    assert all(some == sorted(some) for some in numbers.values())
    archived = pq.read_table(desk.archive.rows(outcome.delivery_id, "2026-01"), columns=["ResourceId"])
    assert archived.column(0).cast("string").to_pylist() == [f"vm-{n}" for n in range(5_000)]


def test_column_names_survive_escaping(desk: Desk, tmp_path: Path) -> None:
    (event,) = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1, **{'x_"quoted\\': "1", "it's": "2"})])).events
    assert event.custom == {'x_"quoted\\': "1", "x_it's": "2"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_do_not_matter(desk: Desk, tmp_path: Path, newline: str) -> None:
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1), charge(2)], newline=newline))
    assert [event.charge["Tags"] for event in outcome.events] == [{"team": "a"}, {"team": "a"}]


def test_a_byte_order_mark_is_no_part_of_the_first_name(desk: Desk, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [charge(1)])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(desk.deliver(file).events) == 1


def test_null_text_and_empty_text_are_null(desk: Desk, tmp_path: Path) -> None:
    row = charge(1, RegionId="NULL", SubAccountId="", ConsumedQuantity="NULL", Tags="NULL", x_A="NULL", x_B="null")
    (event,) = desk.deliver(write_csv(tmp_path / "a.csv", [row])).events
    assert not {"RegionId", "SubAccountId", "ConsumedQuantity", "Tags"} & set(event.charge)
    assert event.custom == {"x_B": "null"}


def test_look_alike_tag_keys_stay_apart(desk: Desk, tmp_path: Path) -> None:
    tags = {" org": "1", "org": "2", "Org": "3", "n": 1.10, "b": True, "z": None}
    (event,) = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1, Tags=json.dumps(tags))])).events
    assert event.charge["Tags"] == tags


def test_tags_that_are_no_object_make_a_finding_and_the_row_stays(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(n, Tags=tags) for n, tags in enumerate(["{broken", "[1]", "", '{"a": NaN}', '"a":"1","b":"2"'])]
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    assert outcome.findings["tags-unparsable"] == 3
    tags = {str(event.charge["ResourceId"]): event.charge.get("Tags") for event in outcome.events}
    assert tags == {"vm-0": None, "vm-1": None, "vm-2": None, "vm-3": None, "vm-4": {"a": "1", "b": "2"}}


def test_unknown_columns_are_kept_as_custom_ones_with_a_finding(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1, Id="7", x_Own="8"), charge(2, Id="", x_Own="")]))
    assert outcome.findings["column-unknown"] == 2
    assert sorted(len(event.custom) for event in outcome.events) == [0, 2]


def test_costs_rounded_at_source_and_missing_invoices_are_noticed(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(n, EffectiveCost="3", InvoiceId="") for n in range(4)]
    rows.append(charge(5, InvoiceIssuerName="Other", ContractedCost=""))
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    assert outcome.findings == {"effective-cost-rounded": 4, "invoice-id-missing": 4, "value-missing": 1}
    assert "Cloud Inc." in outcome.reading.observations.findings()[0].message


def test_amounts_beyond_18_decimals_are_rounded_half_even_and_reported(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(1, BilledCost="0.0000000000000000005"), charge(2, BilledCost="1.0000000000000000015"), charge(3)]
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    assert outcome.billed() == Decimal("4.250000000000000002")
    (finding,) = [one for one in outcome.reading.observations.findings() if one.code == "amounts-rounded"]
    assert finding.rows == 2
    assert "BilledCost +0E-19 USD" in finding.message or "BilledCost +0 USD" in finding.message


def test_equal_rows_are_numbered(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(1), charge(2), charge(1), charge(1)]))
    occurrences = sorted(e.occurrence for e in outcome.events if e.charge["ResourceId"] == "vm-1")
    assert occurrences == [0, 1, 2]
    assert len({event.row_hash for event in outcome.events}) == 2
    assert dense(outcome.events)


def test_the_hash_ignores_notation_column_order_and_empty_columns(desk: Desk, tmp_path: Path) -> None:
    plain = charge(1, BilledCost="1", ListCost="0.00000012", Tags='{"a":1,"b":"x"}')
    other = plain | {
        "BilledCost": "1.000", "ListCost": "1.2E-7", "Tags": ' { "b" : "x", "a" : 1 } ', "CapacityReservationId": "",
        "ChargePeriodStart": "2026-01-02 00:00:00", "x_Empty": "NULL",
    }  # fmt: skip
    first = desk.deliver(write_csv(tmp_path / "a.csv", [plain]))
    second = desk.deliver(write_csv(tmp_path / "b.csv", [other], names=list(reversed(other))))
    assert len(first.events) == 1
    assert second.events == []
    assert second.prepared.snapshot == first.prepared.snapshot


def test_only_the_difference_is_published(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(write_csv(tmp_path / "a.csv", [charge(n) for n in range(100)] + [charge(1), charge(1)]))
    changed = [charge(n, BilledCost="-7.5" if n == 4 else f"{n}.25") for n in range(1, 101)] + [charge(1)]
    outcome = desk.deliver(write_csv(tmp_path / "b.csv", changed))
    kinds = sorted((e.kind, str(e.charge["ResourceId"]), str(e.charge["BilledCost"])) for e in outcome.events)
    assert kinds == [
        ("charge", "vm-100", "100.25"), ("charge", "vm-4", "-7.5"),
        ("retraction", "vm-0", "-0.25"), ("retraction", "vm-1", "-1.25"), ("retraction", "vm-4", "-4.25"),
    ]  # fmt: skip
    assert outcome.prepared.published[0].events == 5
    assert outcome.prepared.snapshot[0].events == 101
    assert dense(outcome.events)
    undone = desk.deliver(tmp_path / "a.csv")
    assert outcome.billed() + undone.billed() == 0


def test_a_retraction_repeats_the_row_with_costs_and_quantities_negated(desk: Desk, tmp_path: Path) -> None:
    row = charge(1, ConsumedQuantity="0", ListUnitPrice="0.1", x_Team="core", ChargeDescription='say "hi"')
    (before,) = desk.deliver(write_csv(tmp_path / "a.csv", [row])).events
    after = desk.deliver(write_csv(tmp_path / "b.csv", [charge(2)])).events
    (gone,) = [event for event in after if event.kind == "retraction"]
    negated = {"BilledCost": "-1.25", "EffectiveCost": "-1.125", "ContractedCost": "-1", "ListCost": "-2",
               "PricingQuantity": "-3", "ConsumedQuantity": "0"}  # fmt: skip
    assert gone.charge == before.charge | negated
    assert (gone.custom, gone.row_hash, gone.partition) == (before.custom, before.row_hash, before.partition)
    assert (gone.billing_period, gone.charge_day) == (before.billing_period, before.charge_day)


def test_rows_that_belong_together_share_a_partition(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", [charge(n) for n in range(60)]))
    places: dict[tuple[object, object], set[int]] = {}
    for event in outcome.events:
        places.setdefault((event.charge["SubAccountId"], event.charge["RegionId"]), set()).add(event.partition)
    assert all(len(partitions) == 1 for partitions in places.values())
    assert len({event.partition for event in outcome.events}) > 1
    assert outcome.prepared.partition_events == [sum(e.partition == p for e in outcome.events) for p in range(6)]


def as_text(path: Path) -> str:
    return f"SELECT * FROM read_csv('{path}', all_varchar = true)"


def as_types(path: Path) -> str:
    return (
        "SELECT * REPLACE (BilledCost::DOUBLE AS BilledCost, EffectiveCost::DECIMAL(12,4) AS EffectiveCost, "
        "BillingPeriodStart::TIMESTAMP AS BillingPeriodStart, ChargePeriodStart::TIMESTAMPTZ AS ChargePeriodStart, "
        f"MAP {{'team': 'a'}} AS Tags, 3::INTEGER AS PricingQuantity) FROM ({as_text(path)})"
    )


@pytest.mark.parametrize("query", [as_text, as_types])
def test_parquet_means_the_same_as_csv(desk: Desk, tmp_path: Path, query: Callable[[Path], str]) -> None:
    rows = [charge(n, BilledCost="1e-07" if n == 3 else f"{n}.1") for n in range(20)]
    file = write_csv(tmp_path / "a.csv", rows)
    first = desk.deliver(file)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        connection.execute(f"COPY ({query(file)}) TO '{tmp_path / 'oddly.named'}' (FORMAT parquet)")
    assert desk.deliver(tmp_path / "oddly.named").events == []
    assert len(first.events) == 20


def test_the_archive_holds_the_rows_as_duckdb_can_read_them(desk: Desk, tmp_path: Path) -> None:
    later = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}
    rows = [charge(n, x_Team="t") for n in range(10)] + [charge(1, x_Team="t"), charge(9, x_Team="t", **later)]
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    january = desk.archive.rows(outcome.delivery_id, "2026-01")
    assert sorted(path.name for path in january.parent.iterdir()) == ["2026-01.parquet", "2026-02.parquet"]
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(*), sum(BilledCost), max(occurrence), any_value(custom), any_value(typeof(BilledCost)), "
            f"any_value(SkuMeter), any_value(Tags->>'team') FROM '{january}'"
        ).fetchone()
    assert found == (11, Decimal("48.75"), 1, '{"x_Team":"t"}', "DECIMAL(38,18)", None, "a")


def test_two_notations_of_one_period_are_archived_once(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(1), charge(2, BillingPeriodStart="2026-01-01T00:00Z"), charge(3, BillingPeriodStart="2026-01-01")]
    outcome = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    assert len(outcome.events) == 3
    assert pq.read_metadata(desk.archive.rows(outcome.delivery_id, "2026-01")).num_rows == 3
    assert len(desk.deliver(write_csv(tmp_path / "b.csv", rows[:2])).events) == 1


def test_pieces_of_a_file_add_up_to_the_file(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [charge(n, ChargeDescription=f'many\n"lines" {n}' * (n % 5)) for n in range(400)]
    whole = desk.deliver(write_csv(tmp_path / "a.csv", rows))
    monkeypatch.setattr("services.intake.reading.source.BLOCK_BYTES", 700)
    monkeypatch.setattr("services.intake.reading.csv_chunks.chunks.__defaults__", (2_000,))
    pieces = Desk(tmp_path / "other").deliver(tmp_path / "a.csv")
    assert pieces.reading.parts > 20
    assert pieces.keys() == whole.keys()
    assert dense(pieces.events)
    assert pieces.prepared.published == whole.prepared.published


def test_a_record_of_many_lines_is_read_whole(desk: Desk, tmp_path: Path) -> None:
    texts = ["before", "é\n" * 700_000, "after"]
    outcome = desk.deliver(
        write_csv(tmp_path / "a.csv", [charge(n, ChargeDescription=text) for n, text in enumerate(texts)])
    )
    assert sorted(str(event.charge["ChargeDescription"]) for event in outcome.events) == sorted(texts)


def test_a_row_that_no_event_can_hold_is_refused(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(1), charge(2, ChargeDescription="x" * BODY_BYTES_MAX), charge(3)]
    with pytest.raises(RowTooLong, match=r"a.csv, line 3: the row comes to 7,27\d,\d{3} bytes, and an event takes"):
        desk.deliver(write_csv(tmp_path / "a.csv", rows))
    rows[1] = charge(2, ChargeDescription="x" * (BODY_BYTES_MAX - 10_000))
    assert len(desk.deliver(write_csv(tmp_path / "b.csv", rows)).events) == 3


def test_text_that_is_no_utf8_is_found_anywhere(desk: Desk, tmp_path: Path) -> None:
    rows = [charge(n, ChargeDescription="x" * 1_000) for n in range(3_000)]
    file = write_csv(tmp_path / "a.csv", rows)
    data = bytearray(file.read_bytes())
    data[-100] = 0xFF
    file.write_bytes(data)
    with pytest.raises(WrongEncoding, match=r"line 3001.*0xff is not UTF-8"):
        desk.deliver(file)


def test_csv_written_by_others_means_the_same(desk: Desk, tmp_path: Path) -> None:
    row = charge(1, ChargeDescription="x, y")
    first = desk.deliver(write_csv(tmp_path / "a.csv", [row]))
    with (tmp_path / "b.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerow(row)
    assert desk.deliver(tmp_path / "b.csv").events == []
    assert len(first.events) == 1
