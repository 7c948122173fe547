"""Exports in an object store: a real S3 server, AWS's own client."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from services.intake.sources import errors as e
from services.intake.sources.finding import check_unchanged, find
from services.intake.sources.location import Location
from services.intake.sources.watching import Watch
from shared.remote import Remote
from tests.integration.intake.world import World
from tests.stack.s3 import IDENTITY, SECRET, S3Server
from tests.unit.intake.places import aws_period, put


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    made = S3Server(tmp_path_factory.mktemp("s3"))
    (made.buckets / "exports").mkdir()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return fsspec.filesystem("s3")


def uploaded(s3: Any, folder: Path, prefix: str) -> str:
    """Put a folder's files below a prefix of the bucket, manifests last; its URL."""
    for file in sorted(folder.rglob("*"), key=lambda path: path.name.endswith(".json")):
        if file.is_file():
            s3.put_file(str(file), f"exports/{prefix}/{file.relative_to(folder)}")
    return f"s3://exports/{prefix}"


def test_an_export_is_found_and_read_to_the_last_byte(s3: Any, tmp_path: Path) -> None:
    manifest = aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 1, "focus-00002.csv.gz": 2}, bucket="exports")
    big = manifest.parents[2] / "data/BILLING_PERIOD=2026-01/focus-00002.csv.gz"
    big.write_bytes(big.read_bytes() + bytes(9 << 20))
    location = Location(uploaded(s3, tmp_path, "found"))
    (one,) = find(location, file_by_file=True).deliveries
    assert [file.stored.size_bytes for file in one.files][1] == big.stat().st_size
    assert b"".join(location.blocks(one.files[1].stored)) == big.read_bytes()
    assert one.made_by is not None
    assert one.as_of == one.made_by.modified
    check_unchanged(location, one)
    s3.put_file(str(big), "exports/found/exp/focus/data/BILLING_PERIOD=2026-01/focus-00001.csv.gz")
    with pytest.raises(e.ChangedMeanwhile):
        check_unchanged(location, one)


def test_files_that_are_newer_than_their_manifest_are_still_written(s3: Any, server: S3Server, tmp_path: Path) -> None:
    aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 1}, bucket="exports")
    url = uploaded(s3, tmp_path, "written")
    (path,) = (server.buckets / "exports/written").rglob("*.gz")
    later = path.stat().st_mtime + 60
    os.utime(path, (later, later))
    findings = find(Location(url), file_by_file=True)
    assert findings.deliveries == []
    assert isinstance(findings.problems[0], e.StillWritten)


def test_a_single_object_and_a_plain_prefix_are_places(s3: Any, tmp_path: Path) -> None:
    put(tmp_path, "a.csv", 1)
    put(tmp_path, "b/c.csv", 1)
    url = uploaded(s3, tmp_path, "plain")
    assert sorted(find(Location(f"{url}/"), file_by_file=False).deliveries[0].label.split()) == [
        "1",
        "a.csv",
        "and",
        "more",
    ]
    (one,) = find(Location(f"{url}/b/c.csv"), file_by_file=False).deliveries
    assert [file.stored.path for file in one.files] == ["c.csv"]
    with pytest.raises(e.UnreadablePlace, match="there is no such"):
        find(Location("s3://exports/nothing"), file_by_file=False)


async def test_a_bucket_is_watched(s3: Any, world: World, tmp_path: Path) -> None:
    world.start()
    aws_period(tmp_path / "1", "2026-01", {"focus-00001.csv.gz": 1, "focus-00002.csv.gz": 2}, bucket="exports")
    aws_period(tmp_path / "2", "2026-01", {"focus-00001.csv.gz": 1, "focus-00002.csv.gz": 3}, bucket="exports")
    url = uploaded(s3, tmp_path / "1", "watched")
    seen: list[tuple[Any, ...]] = []
    with Remote("intake", f"http://127.0.0.1:{world.port}") as intake:
        watch = Watch(
            intake, Location(url), "aws", lambda event: seen.append((event["event"], event.get("charges"))),
            lambda *_: None, threading.Event(),
        )  # fmt: skip
        assert watch.look()
        assert watch.look()
        uploaded(s3, tmp_path / "2", "watched")
        assert watch.look()
    looked = ("looked", None)
    once, again = ([looked, ("delivering", None), ("delivered", charges)] for charges in (2, 1))
    assert seen == [*once, looked, *again]
    assert [one["retractions"] for one in world.http.get("/v1/deliveries").json()] == [1, 0]


def test_a_wrong_secret_is_not_repeated(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET + "-wrong")
    type(s3).clear_instance_cache()
    with pytest.raises(e.UnreadablePlace) as caught:
        find(Location("s3://exports/found"), file_by_file=False)
    assert SECRET not in str(caught.value)
    assert IDENTITY not in str(caught.value)
