"""The same charges mean the same rows, whatever format and types they come in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from services.intake.reading import IntakeRefusal, check_file
from services.intake.reading import errors as e
from tests.unit.intake.desk import Desk, dense
from tests.unit.intake.exports import charge, write_csv, write_json_lines

COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity")
AMOUNTS = ["0.1", "1e-07", "-3.000", "1234567890.123456789012345678", "0.30000000000000004", "7"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")


def rows(count: int = 12) -> list[dict[str, str]]:
    return [
        charge(
            n, BilledCost=AMOUNTS[n % len(AMOUNTS)], Tags='{"cores": 2, "team": "a"}' if n % 2 else "",
            x_Discounts='{"edp":-0.5,"none":null}' if n % 3 else "", x_Spot="true", x_Count=str(n),
        )
        for n in range(count)
    ]  # fmt: skip


def as_objects(charges: list[dict[str, str]]) -> list[dict[str, object]]:
    """What a JSON export has: numbers, booleans and objects instead of texts."""
    typed: list[dict[str, object]] = []
    for row in charges:
        numbers = {name: Decimal(row[name]) for name in COSTS}
        typed.append(
            {**row, **numbers, "Tags": row["Tags"] and {"team": "a", "cores": 2}, "x_Spot": True,
             "x_Discounts": row["x_Discounts"] and {"none": None, "edp": -0.5}, "x_Count": int(row["x_Count"])}
        )  # fmt: skip
    return typed


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "odd.name"])
def test_json_lines_mean_the_same_as_csv(desk: Desk, tmp_path: Path, name: str) -> None:
    first = desk.deliver(write_csv(tmp_path / "a.csv", rows()))
    second = desk.deliver(write_json_lines(tmp_path / name, as_objects(rows())))
    assert (len(first.events), second.events, second.rejections) == (12, [], [])
    assert second.prepared.snapshot == first.prepared.snapshot
    assert second.findings == first.findings


def test_json_lines_keep_digits_that_no_double_holds(desk: Desk, tmp_path: Path) -> None:
    line = '{"BilledCost": 0.123456789012345678, "x_Exact": 1.000000000000000000001, "x_Big": 123456789012345678901234}'
    others = write_json_lines(tmp_path / "b", [charge(1, BilledCost="")]).read_text()
    (tmp_path / "a.jsonl").write_text(line[:-1] + ", " + others[1:])
    (event,) = desk.deliver(tmp_path / "a.jsonl").events
    assert event.charge["BilledCost"] == "0.123456789012345678"
    assert event.custom == {"x_Exact": "1.000000000000000000001", "x_Big": "123456789012345678901234"}


def test_a_key_may_come_first_in_the_last_line(desk: Desk, tmp_path: Path) -> None:
    charges = [charge(n) for n in range(5)]
    for row in charges[:-1]:
        del row["Tags"], row["InvoiceId"]
    events = desk.deliver(write_json_lines(tmp_path / "a.jsonl", [*charges[:-1], {**charges[-1], "x_New": "n"}])).events
    assert sorted(event.custom.get("x_New", "") for event in events) == ["", "", "", "", "n"]
    assert sum("InvoiceId" in event.charge for event in events) == 1
    charges[-1]["x_New"] = "n"
    assert desk.deliver(write_csv(tmp_path / "a.csv", charges, [*charge(), "x_New"])).events == []


def test_a_refused_row_is_named_by_its_line(desk: Desk, tmp_path: Path) -> None:
    text = write_json_lines(tmp_path / "a", [charge(n, BilledCost="many" if n == 2 else "1") for n in range(4)])
    lines = text.read_text().splitlines()
    (tmp_path / "b.jsonl").write_text("\n\n".join(lines) + "\n")
    (rejection,) = desk.deliver(tmp_path / "b.jsonl").rejections
    assert (rejection.line, rejection.column, rejection.value) == (5, "BilledCost", "many")


def test_pieces_of_json_lines_add_up_to_the_file(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_json_lines(tmp_path / "a.jsonl", as_objects(rows(300)))
    whole = desk.deliver(file)
    monkeypatch.setattr("services.intake.reading.source.BLOCK_BYTES", 700)
    monkeypatch.setattr("services.intake.reading.json_lines.line_chunks.__defaults__", (5_000,))
    pieces = Desk(tmp_path / "other").deliver(file)
    assert pieces.reading.parts > 20
    assert pieces.keys() == whole.keys()
    assert dense(pieces.events)


@pytest.mark.parametrize(
    ("bad", "error", "what"),
    [
        (b'{"BilledCost": 1,}', e.MalformedJson, "line 3: JSON is malformed"),
        (b"[1]", e.MalformedJson, "line 3: Expected `object`"),
        (
            b'{"BilledCost": 1, "BilledCost": 2}',
            e.MalformedJson,
            "line 3: the object has the key 'BilledCost' more than",
        ),
        (b'{" BilledCost": 1}', e.MalformedJson, "line 3: the key ' BilledCost' has blanks"),
        (b'{"x_\\"y": 1}', e.MalformedJson, "line 3: the key 'x_\"y' has blanks around it, quotation marks"),
        (b'{"Billing\\u0007": 1}', e.MalformedJson, "line 3: the key 'Billing\\x07' has"),
        (b'{"x": "\xe9"}', e.WrongEncoding, "line 3: byte 0xe9 is not UTF-8"),
        (b'{"BilledCost": NaN}', e.MalformedJson, "line 3: JSON is malformed"),
        (b'{"x": "\\ud800"}', e.MalformedJson, "line 3"),
        (b'{"x": "a\\u0000b"}', e.NotFocus, "column x holds a NUL character"),
    ],
)
def test_a_broken_line_refuses_the_file(
    desk: Desk, tmp_path: Path, bad: bytes, error: type[IntakeRefusal], what: str
) -> None:
    tagged = charge(1) | {"Tags": {" org": "a", 'a "b"': "c"}}
    good = write_json_lines(tmp_path / "a", [tagged, charge(2)]).read_bytes()
    (tmp_path / "bad.jsonl").write_bytes(good + bad + b"\n" + good)
    with pytest.raises(error) as caught:
        desk.deliver(tmp_path / "bad.jsonl")
    assert what in str(caught.value)


def test_json_lines_are_checked_at_once(tmp_path: Path) -> None:
    file = write_json_lines(tmp_path / "a.jsonl", [{name: "1" for name in charge() if name != "ListCost"}])
    with pytest.raises(e.MissingColumns, match="ListCost"):
        check_file(file)
    cut = tmp_path / "cut"
    cut.write_bytes(gzip.compress(write_json_lines(file, [charge(1)]).read_bytes() * 50)[:-20])
    with pytest.raises(e.TruncatedFile):
        check_file(cut)


def typed(replaced: str) -> Callable[[Path], str]:
    return lambda path: f"SELECT * REPLACE ({replaced}) FROM read_csv('{path}', all_varchar = true)"


WAYS = {
    "doubles": typed("EffectiveCost::DOUBLE AS EffectiveCost, ListCost::FLOAT AS ListCost"),
    "decimals": typed("BilledCost::DECIMAL(38,18) AS BilledCost, ListCost::DECIMAL(9,2) AS ListCost"),
    "integers": typed("PricingQuantity::BIGINT AS PricingQuantity, x_Count::TINYINT AS x_Count"),
    "booleans": typed("x_Spot::BOOLEAN AS x_Spot"),
    "times": typed("BillingPeriodStart::TIMESTAMP AS BillingPeriodStart, ChargePeriodStart::TIMESTAMPTZ AS "
                   "ChargePeriodStart, BillingPeriodEnd::DATE AS BillingPeriodEnd, ChargePeriodEnd::TIMESTAMP_NS AS "
                   "ChargePeriodEnd, x_At::TIMESTAMP_MS AS x_At"),
    "maps": typed("json_transform(Tags, '{\"team\": \"VARCHAR\"}') IS NULL AS x_Spot, "
                  "CASE WHEN Tags IS NOT NULL THEN MAP {'team': '\"a\"'::JSON, 'cores': '2'::JSON} END AS Tags"),
    "structs": typed("CASE WHEN Tags IS NOT NULL THEN {'team': 'a', 'cores': 2, 'absent': NULL::VARCHAR} END AS Tags"),
    "json": typed("Tags::JSON AS Tags, x_Discounts::JSON AS x_Discounts"),
    "bytes": typed("Tags::BLOB AS Tags, ServiceName::BLOB AS ServiceName"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_parquet_of_any_type_means_the_same_as_csv(desk: Desk, tmp_path: Path, way: str) -> None:
    charges = [row | {"x_At": "2026-01-02T03:04:05Z", "x_Spot": "false" if row["Tags"] else "true"} for row in rows()]
    for row in charges:
        row["BilledCost"] = "12.5" if "E" in row["BilledCost"].upper() else row["BilledCost"]
    file = write_csv(tmp_path / "a.csv", charges)
    first = desk.deliver(file)
    folder = tmp_path / "BILLING_PERIOD=2026-01"
    folder.mkdir()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        connection.execute(f"COPY ({WAYS[way](file)}) TO '{folder / 'a.parquet'}' (FORMAT parquet)")
    assert "x_BILLING_PERIOD" not in check_file(folder / "a.parquet").layout.custom
    second = desk.deliver(folder / "a.parquet")
    assert [(one.kind, one.charge, one.custom) for one in second.events] == []
    assert len(first.events) == 12


def test_tags_as_a_list_of_pairs_are_an_object(desk: Desk, tmp_path: Path) -> None:
    pairs = [{"key": "team", "value": "a"}, {"key": "env", "value": None}]
    (event,) = desk.deliver(write_json_lines(tmp_path / "a", [charge(1) | {"Tags": pairs}])).events
    assert event.charge["Tags"] == {"env": None, "team": "a"}
    twice = [*pairs, {"key": "team", "value": "b"}]
    outcome = desk.deliver(write_json_lines(tmp_path / "b", [charge(2) | {"Tags": twice}]))
    (kept,) = [event for event in outcome.events if event.kind == "charge"]
    assert "Tags" not in kept.charge
    assert sum(outcome.findings.values()) == 1
