"""`apportion intake watch` and `apportion ingest DIR` against a real intake, as processes where that matters."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.intake.sources.location import Location
from services.intake.sources.watching import Watch
from shared.remote import Remote
from tests.integration.intake.world import World
from tests.stack.waiting import PATIENCE_SECONDS
from tests.unit.intake.exports import charge, write_csv
from tests.unit.intake.places import aws_period, azure_run, put

NEWER, OLDER = "2026-01-05T06:00:00Z", "2026-01-04T06:00:00Z"


def command(world: World, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "apportion", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"APPORTION_INTAKE_URL": f"http://127.0.0.1:{world.port}"},
    )  # fmt: skip


def look(world: World, place: Path) -> tuple[int, list[dict[str, Any]]]:
    """Look once; the exit code that the command would have, and what happened."""
    events: list[dict[str, Any]] = []
    with Remote("intake", f"http://127.0.0.1:{world.port}") as intake:
        watch = Watch(intake, Location(str(place)), "cloud", events.append, lambda *_: None, threading.Event())
        return 0 if watch.look() else 3, events


def look_as_process(world: World, place: Path, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    done = world.apportion("intake", "watch", place, "--source", "cloud", "--once", "--json", **environment)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def all_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def aged(*files: Path) -> None:
    """As if they had been left alone for long, the first for the longest."""
    for at, file in enumerate(files):
        os.utime(file, (1_000_000_000 + at, 1_000_000_000 + at))


def delivered(events: Sequence[dict[str, Any]]) -> list[tuple[str, str, int, int]]:
    return [
        (one["label"], one["state"], one["charges"], one["retractions"])
        for one in events
        if one["event"] == "delivered"
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that is not the one that intake works in."""
    return tmp_path / "in"


async def test_each_period_is_delivered_once_and_again_when_it_changed(world: World, place: Path) -> None:
    world.start()
    aws_period(place, "2026-02", {"focus-00001.csv.gz": 4})
    aged(*all_files(place))
    aws_period(place, "2026-01", {"focus-00001.csv.gz": 1, "focus-00002.csv.gz": 2})
    january, february = "exp/focus/BILLING_PERIOD=2026-01", "exp/focus/BILLING_PERIOD=2026-02"
    code, events = look(world, place)
    assert (code, delivered(events)) == (0, [(february, "complete", 1, 0), (january, "complete", 2, 0)])
    code, events = look(world, place)
    assert [event["event"] for event in events] == ["looked"]
    aws_period(place, "2026-01", {"focus-00001.csv.gz": 1, "focus-00002.csv.gz": 3})
    assert delivered(look(world, place)[1]) == [(january, "complete", 1, 1)]
    assert sorted(one["ordinal"] for one in world.http.get("/v1/deliveries").json()) == [1, 2, 3]


async def test_a_watch_killed_between_upload_and_delivery_delivers_once(world: World, place: Path) -> None:
    world.start()
    aged(put(place, "a.csv", 1, 2), put(place, "b.csv", 3))
    for failpoint in ("intake.handing-over.uploaded", "intake.handing-over.uploaded:2", "intake.handing-over.created"):
        assert look_as_process(world, place, APPORTION_FAILPOINT=failpoint)[0] == -signal.SIGKILL
    code, (looked,) = look_as_process(world, place)
    assert (code, looked["found"], looked["new"]) == (0, 2, 0)
    found = world.http.get("/v1/deliveries").json()
    assert [file["name"] for one in found for file in one["files"]] == ["b.csv", "a.csv"]


async def test_two_watches_at_once_deliver_once(world: World, place: Path) -> None:
    world.start()
    for day in range(3):
        aged(put(place, f"{day}.csv", day))
    both = await asyncio.gather(*(asyncio.to_thread(look, world, place) for _ in range(2)))
    assert [code for code, _ in both] == [0, 0]
    assert len(world.http.get("/v1/deliveries").json()) == 3


async def test_what_is_not_whole_is_told_and_does_not_hold_up_the_rest(world: World, place: Path) -> None:
    world.start()
    aws_period(place / "aws", "2026-01", {"focus-00001.csv.gz": 1})
    aws_period(place / "aws", "2026-02", {"focus-00001.csv.gz": 1})
    missing = place / "aws/exp/focus/data/BILLING_PERIOD=2026-01/focus-00001.csv.gz"
    data = missing.read_bytes()
    missing.unlink()
    code, events = look(world, place / "aws")
    assert code == 3
    assert [event["code"] for event in events if event["event"] == "problem"] == ["manifest-files-missing"]
    assert len(delivered(events)) == 1
    missing.write_bytes(data)
    assert len(delivered(look(world, place / "aws")[1])) == 1


async def test_a_file_still_being_copied_waits(world: World, place: Path) -> None:
    world.start()
    file = put(place, "a.csv", 1)
    code, events = look(world, place)
    assert (code, events[0]["unsettled"], delivered(events)) == (0, 1, [])
    aged(file)
    assert delivered(look(world, place)[1]) == [("a.csv", "complete", 1, 0)]


async def test_rows_must_be_as_many_as_the_manifest_says(world: World, place: Path) -> None:
    world.start()
    azure_run(place, "a", OLDER, {"part_0_0001.csv": 1})
    manifest = azure_run(place, "b", NEWER, {"part_0_0001.csv": 1, "part_1_0001.csv": 2})
    manifest.write_text(manifest.read_text().replace('"dataRowCount": 1}', '"dataRowCount": 5}').replace(
        '"dataRowCount": 2,', '"dataRowCount": 10,'
    ))  # fmt: skip
    code, events = look(world, place)
    assert code == 3
    assert events[-1]["state"] == "refused"
    assert events[-1]["error"].startswith("part_0_0001.csv: it has 1 rows, but its manifest says 5")
    assert look(world, place)[1][0]["new"] == 0, "refused until it changes"
    azure_run(place, "c", "2026-01-06T06:00:00Z", {"part_0_0001.csv": 1})
    assert delivered(look(world, place)[1]) == [("daily 2026-01", "complete", 1, 0)]


async def test_a_signal_ends_the_watch(world: World, place: Path) -> None:
    world.start()
    aged(put(place, "a.csv", 1))
    with command(world, "intake", "watch", str(place), "--source", "cloud", "--every", "3600", "--json") as process:
        assert process.stdout is not None
        while '"delivered"' not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0


async def test_an_intake_that_is_away_is_a_problem_and_no_end(world: World, place: Path) -> None:
    aged(put(place, "a.csv", 1))
    code, events = look_as_process(world, place)
    assert (code, events[0]["code"]) == (3, "unreachable")


async def test_a_folder_is_ingested_as_a_whole(world: World, place: Path) -> None:
    world.start()
    put(place / "plain", "a.csv", 1)
    put(place / "plain", "b/c.csv.gz", 2)
    done = world.apportion("ingest", place / "plain", "--source", "cloud", "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["deliveries"]
    assert (one["state"], one["charges"], len(one["files"])) == ("complete", 2, 2)
    azure_run(place / "azure", "a", NEWER, {"part_0_0001.csv": 1}, byteCount=3)
    refused = world.apportion("ingest", place / "azure", "--source", "cloud")
    assert refused.returncode == 2
    assert "manifest.json" in refused.stderr
    assert len(world.http.get("/v1/deliveries").json()) == 1


@pytest.mark.parametrize("again", [1, 2])
async def test_rows_that_a_provider_adds_are_delivered_file_by_file(world: World, place: Path, again: int) -> None:
    world.start()
    folder = place / "FOCUS Reports/2026/01/05"
    for _ in range(again):
        put(folder, "0001-00001.csv.gz", 1)
        aged(folder / "0001-00001.csv.gz")
        look(world, place)
    put(folder, "0001-00002.csv.gz", 2)
    aged(folder / "0001-00002.csv.gz")
    assert look(world, place)[0] == 0
    found = world.http.get("/v1/deliveries").json()
    assert [[file["name"] for file in one["files"]] for one in found] == [["0001-00002.csv.gz"], ["0001-00001.csv.gz"]]


async def test_a_person_reads_what_there_is_to_do(world: World, place: Path) -> None:
    world.start(reject_limit="0")

    def said() -> str:
        return world.apportion("intake", "watch", place, "--source", "cloud", "--once").stdout

    aged(put(place, "a.csv", 1))
    put(place, "b.csv", 2)
    assert f"1 new in {place}, 1 changed in the last 10 seconds, left for the next look" in said()
    aged(*all_files(place))
    assert "b.csv: complete, 1 rows, 1 charges, 1 retractions" in said()
    assert said().strip() == f"nothing new in {place}"
    bad = write_csv(place / "c.csv", [charge(3, BilledCost="?")])
    aged(bad)
    (held,) = [line for line in said().splitlines() if line.startswith("c.csv: held")]
    (newest, *_) = world.http.get("/v1/deliveries").json()
    assert held.endswith(f"; see apportion intake quality {newest['delivery_id']}")
