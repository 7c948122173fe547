"""What Oracle and Google leave behind, day after day, through the commands that read it."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.intake.test_watch import aged, all_files, delivered, look
from tests.integration.intake.world import World, effective, sums
from tests.unit.intake.exports import charge
from tests.unit.intake.places import put

ORACLE = "FOCUS Reports/2026/01"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that is not the one that intake works in."""
    return tmp_path / "in"


async def billed(world: World) -> Decimal:
    return sum((total[1] for total in sums(effective(await world.events())).values()), Decimal(0))


async def test_oracle_s_daily_runs_add_up(world: World, place: Path) -> None:
    world.start()
    aged(
        put(place, f"{ORACLE}/05/0001000000010000-00001.csv.gz", 1, 2),
        put(place, f"{ORACLE}/05/0001000000010000-00002.csv.gz", 3),
    )
    code, events = look(world, place)
    assert (code, [one[1:] for one in delivered(events)]) == (0, [("complete", 3, 0)])
    aged(put(place, f"{ORACLE}/06/0001000000020000-00001.csv.gz", 4, 5))
    assert [one[1:] for one in delivered(look(world, place)[1])] == [("complete", 2, 0)]
    assert await billed(world) == Decimal("16.25"), "1.25 + 2.25 + 3.25 + 4.25 + 5.25"
    assert {one["style"] for one in world.http.get("/v1/deliveries").json()} == {"append"}


async def test_an_oracle_file_that_is_met_again_adds_nothing_and_a_late_one_adds(world: World, place: Path) -> None:
    world.start()
    first = put(place, f"{ORACLE}/05/0001000000010000-00001.csv.gz", 1, 2)
    second = put(place, f"{ORACLE}/06/0001000000020000-00001.csv.gz", 3)
    aged(first, second)
    look(world, place)
    assert look(world, place)[1][0]["new"] == 0
    aged(second, first)
    assert [one[1:] for one in delivered(look(world, place)[1])] == [("complete", 0, 0), ("complete", 0, 0)], (
        "copied anew, with another time of change: the same bytes"
    )
    copied = put(place, f"{ORACLE}/07/copy-00001.csv.gz", 1, 2)
    aged(copied)
    assert [one[2:] for one in delivered(look(world, place)[1])] == [(0, 0)]
    late = put(place, f"{ORACLE}/05/0001000000010000-00002.csv.gz", 7)
    aged(late)
    code, events = look(world, place)
    assert (code, [one[1:] for one in delivered(events)]) == (0, [("complete", 1, 0)])
    assert await billed(world) == Decimal("14.00"), "1.25 + 2.25 + 3.25 + 7.25"


def bigquery_run(folder: Path, numbers: list[int], *, seed: int, files: int = 2) -> Path:
    """An export of a month by a query: rows in any order, over any number of files."""
    rows = [charge(number) for number in numbers]
    random.Random(seed).shuffle(rows)
    folder.mkdir(parents=True)
    for at in range(files):
        pq.write_table(pa.Table.from_pylist(rows[at::files]), folder / f"{at:012}.parquet")
    return folder


def ingested(world: World, folder: Path, as_of: str) -> tuple[int, str, list[tuple[int, int]]]:
    done = world.apportion("ingest", folder, "--source", "gcp", "--as-of", as_of, "--json")
    ended = json.loads(done.stdout)["deliveries"] if done.stdout else []
    return done.returncode, done.stderr, [(one["charges"], one["retractions"]) for one in ended]


async def test_google_s_late_rows_are_additions_and_an_older_export_is_refused(world: World, place: Path) -> None:
    world.start()
    first = bigquery_run(place / "2026-01/run-20260202", [1, 2, 2, 3], seed=1)
    second = bigquery_run(place / "2026-01/run-20260203", [1, 2, 2, 3, 2, 4], seed=2, files=3)
    assert ingested(world, second, "2026-02-03T06:00:00Z")[2] == [(6, 0)]
    code, err, _ = ingested(world, first, "2026-02-02T06:00:00Z")
    assert code == 2
    assert "as of 2026-02-02" in err
    third = bigquery_run(place / "2026-01/run-20260204", [5, 1, 2, 2, 3, 2, 4], seed=3, files=1)
    code, _, changes = ingested(world, third, "2026-02-04T06:00:00Z")
    assert (code, changes) == (0, [(1, 0)])
    assert ingested(world, third, "2026-02-04T06:00:00Z")[2] == [(0, 0)]
    assert await billed(world) == Decimal("20.75"), "1.25 + 3 x 2.25 + 3.25 + 4.25 + 5.25"


async def test_a_watch_takes_google_s_exports_one_run_after_the_other(world: World, place: Path) -> None:
    world.start()
    bigquery_run(place / "2026-01/run-20260202", [1, 2], seed=1)
    bigquery_run(place / "2026-01/run-20260203", [1, 2, 3], seed=2)
    aged(*all_files(place))
    assert [one[2:] for one in delivered(look(world, place)[1])] == [(2, 0), (1, 0)]
    aged(*all_files(bigquery_run(place / "2026-01/run-20260204", [1, 2, 3, 4], seed=3, files=1)))
    assert [one[2:] for one in delivered(look(world, place)[1])] == [(1, 0)]
