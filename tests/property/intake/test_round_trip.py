"""Whatever charges an export holds, the events add up to it exactly, and deliveries to their last snapshot."""

from __future__ import annotations

import tempfile
from decimal import Context, Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.focus import sniff_version
from tests.unit.intake.desk import Desk, Outcome, dense
from tests.unit.intake.exports import charge, write_csv, write_json_lines

_EXACT = Context(prec=200)
amounts = st.decimals(min_value=-(10**17), max_value=10**17, places=18, allow_nan=False, allow_infinity=False)
notations = st.sampled_from(["{:f}", "{:E}", "{:e}", "{}"])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
charges = st.builds(
    lambda number, billed, effective, notation, text, tag: charge(
        number,
        BilledCost=notation.format(billed),
        EffectiveCost=notation.format(effective),
        ChargeDescription=text,
        x_Text=text,
        SubAccountId=tag,
    ),
    st.integers(0, 3), amounts, amounts, notations, texts, st.sampled_from(["", "001", "1"]),
)  # fmt: skip
exports = st.lists(charges, min_size=1, max_size=12)


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    result = Decimal(0)
    for row in rows:
        result = _EXACT.add(result, Decimal(row[column]))
    return result


def event_total(outcomes: list[Outcome], column: str) -> Decimal:
    rows = [{column: str(event.charge[column])} for outcome in outcomes for event in outcome.events]
    return total(rows, column)


def expected_text(text: str) -> str | None:
    return None if text in {"", "NULL"} else text


@settings(max_examples=25, deadline=None)
@given(exports)
def test_events_hold_exactly_what_the_export_holds(rows: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        outcome = Desk(Path(directory)).deliver(write_csv(Path(directory, "a.csv"), rows, newline="\r\n"))
    assert outcome.rejections == []
    assert dense(outcome.events)
    for column in ("BilledCost", "EffectiveCost"):
        assert event_total([outcome], column) == total(rows, column)
    found = sorted(str(event.charge.get("ChargeDescription")) for event in outcome.events)
    assert found == sorted(str(expected_text(row["ChargeDescription"])) for row in rows)
    assert sorted(str(event.custom.get("x_Text")) for event in outcome.events) == found
    assert outcome.prepared.published[0].billed_cost == total(rows, "BilledCost")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(amounts, amounts, st.integers(-(10**19), 10**19), texts), min_size=1, max_size=12))
def test_numbers_of_json_lines_are_never_doubles(rows: list[tuple[Decimal, Decimal, int, str]]) -> None:
    export = [
        charge(number)
        | {"BilledCost": billed, "EffectiveCost": effective, "ListCost": whole, "x_Exact": billed, "x_T": text}
        for number, (billed, effective, whole, text) in enumerate(rows)
    ]
    with tempfile.TemporaryDirectory() as directory:
        outcome = Desk(Path(directory)).deliver(write_json_lines(Path(directory, "a.jsonl"), export))
    assert outcome.rejections == []
    for at, column in enumerate(("BilledCost", "EffectiveCost")):
        assert event_total([outcome], column) == total([{column: str(row[at])} for row in rows], column)
    by_resource = {event.charge["ResourceId"]: event for event in outcome.events}
    for number, (billed, _, whole, text) in enumerate(rows):
        event = by_resource[f"vm-{number}"]
        assert Decimal(str(event.charge["ListCost"])) == whole
        assert str(event.custom["x_Exact"]) == str(billed)
        assert event.custom.get("x_T") == expected_text(text)


@settings(max_examples=15, deadline=None)
@given(st.lists(exports, min_size=2, max_size=3))
def test_deliveries_add_up_to_the_last_snapshot(snapshots: list[list[dict[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        desk = Desk(Path(directory))
        outcomes = [
            desk.deliver(write_csv(Path(directory, f"{n}.csv"), rows, newline="\r\n"))
            for n, rows in enumerate(snapshots)
        ]
    for column in ("BilledCost", "EffectiveCost"):
        assert event_total(outcomes, column) == total(snapshots[-1], column)
    net: dict[tuple[str, int], int] = {}
    for event in (event for outcome in outcomes for event in outcome.events):
        key = (event.row_hash, event.occurrence)
        net[key] = net.get(key, 0) + (1 if event.kind == "charge" else -1)
    assert set(net.values()) <= {0, 1}
    assert sum(net.values()) == len(snapshots[-1])


@given(st.permutations(list(charge())))
def test_the_version_does_not_depend_on_the_order_of_columns(names: list[str]) -> None:
    assert sniff_version(names) == "1.2"
