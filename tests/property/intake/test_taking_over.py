"""Whether a snapshot's known records are taken over from the archive or read again makes no difference."""

from __future__ import annotations

import dataclasses
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.tags import Case, Dimension, Normalisation, VirtualTag
from tests.unit.intake.desk import Desk, Outcome, dense
from tests.unit.intake.exports import charge, write

OTHERS: tuple[dict[str, str], ...] = (
    {},
    {"InvoiceId": ""},
    {"BilledCost": "1,5"},
    {"BilledCost": "1.00", "EffectiveCost": "1e0"},
    {"BilledCost": "0.1234567890123456785", "ListCost": "0.00000000000000000001"},
    {"Tags": "{broken"},
    {"Tags": '{"Team": "a", "team": "b"}'},
    {"Tags": ""},
    {"ChargeDescription": 'two\nlines, "quoted"'},
    {"ChargeDescription": "N/A", "ChargePeriodStart": "2026-01-02T01:00:00+01:00"},
    {"BillingAccountId": "second"},
    {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"},
)
RULES: tuple[tuple[Normalisation, ...], ...] = (
    (),
    (Normalisation("lower", key_case=Case.LOWER),),
    (Normalisation("where", virtual=(VirtualTag("region", None, value_of=Dimension("column", "RegionId")),)),),
)
Row = tuple[int, int]

rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, len(OTHERS) - 1)), min_size=1, max_size=12)
snapshots = st.lists(
    st.tuples(rows, st.sampled_from(["a.csv", "a.csv.gz", "a.jsonl", "a.parquet"]), st.sampled_from([0, 0, 0, 1, 2])),
    min_size=2,
    max_size=4,
)


@settings(max_examples=12, deadline=None)
@given(snapshots)
def test_taking_over_is_reading_again(made: list[tuple[list[Row], str, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        quick, slow = Desk(Path(directory, "quick")), Desk(Path(directory, "slow"))
        for number, (delivered, name, rules) in enumerate(made):
            folder = Path(directory, str(number))
            folder.mkdir()
            charges = [charge(n, **OTHERS[other]) for n, other in delivered]
            file = write(folder / name, charges)
            taken = quick.deliver(file, tags=RULES[rules])
            read = slow.deliver(file, tags=RULES[rules], recognise=False)
            assert read.taken_over == 0
            assert dense(taken.events)
            assert _told(taken) == _told(read)
            assert _archived(quick) == _archived(slow)


def _told(outcome: Outcome) -> dict[str, Any]:
    """Everything but the order of events: of equal rows, another one may be the new one."""
    seen = outcome.reading.observations
    reading = dataclasses.asdict(dataclasses.replace(outcome.reading, parts=0, observations=None))  # type: ignore[arg-type]
    prepared = dataclasses.asdict(outcome.prepared) | {"content_hash": ""}
    events = sorted((one.kind, one.row_hash, one.occurrence, one.partition, one.charge) for one in outcome.events)
    return {
        "prepared": prepared, "events": json.dumps(events, default=str), "rejections": outcome.rejections,
        "reading": reading, "findings": seen.findings(), "examples": seen.examples, "tags": seen.tag_steps,
    }  # fmt: skip


def _archived(desk: Desk) -> list[tuple[Any, ...]]:
    """The rows in force, equal ones without their numbers: which of them is the first is of no consequence."""
    if not (paths := sorted({str(one.path) for one in desk.in_force()})):
        return []
    return _judge().execute("SELECT * EXCLUDE (occurrence) FROM read_parquet(?) ORDER BY ALL", [paths]).fetchall()


@functools.cache
def _judge() -> duckdb.DuckDBPyConnection:
    """Opened once: that takes longer than the question."""
    return duckdb.connect()
