"""What of a folder is a delivery, and what keeps it from being one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from services.intake.sources import errors as e
from services.intake.sources.finding import check_unchanged, find
from services.intake.sources.found import Findings, FoundDelivery
from services.intake.sources.location import Location
from tests.unit.intake.places import aws_period, azure_run, put, put_json

NEWER, OLDER = "2026-01-05T06:00:00.0000001Z", "2026-01-04T06:00:00.1234567Z"


def found(root: Path, *, file_by_file: bool = False) -> Findings:
    return find(Location(str(root)), file_by_file=file_by_file)


def paths(delivery: FoundDelivery) -> list[str]:
    return [file.stored.path.rpartition("=")[2] for file in delivery.files]


def the_problem(root: Path, *, file_by_file: bool = False) -> Exception:
    findings = found(root, file_by_file=file_by_file)
    assert findings.deliveries == []
    (problem,) = findings.problems
    return problem


def test_an_aws_export_is_a_delivery_per_billing_period(tmp_path: Path) -> None:
    aws_period(tmp_path, "2026-02", {"focus-00001.csv.gz": 1})
    aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 2, "focus-00002.csv.gz": 3})
    put(tmp_path, "exp/focus/data/BILLING_PERIOD=2026-01/left-over.csv", 9)
    by_label = {one.label: paths(one) for one in found(tmp_path).deliveries}
    assert by_label == {
        "exp/focus/BILLING_PERIOD=2026-01": ["2026-01/focus-00001.csv.gz", "2026-01/focus-00002.csv.gz"],
        "exp/focus/BILLING_PERIOD=2026-02": ["2026-02/focus-00001.csv.gz"],
    }


@pytest.mark.parametrize("below", ["", "exp", "exp/focus"])
def test_of_an_aws_export_that_keeps_executions_the_newest_counts(tmp_path: Path, below: str) -> None:
    manifests = []
    for day in ("09", "11", "10"):
        execution = f"2026-01-{day}T01:23:45.678Z-abc{day}"
        manifest = aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 1}, execution=execution)
        put_json(manifest.parent / execution, manifest.name, json.loads(manifest.read_text()))
        manifests.append(manifest)
    (one,) = found(tmp_path / below).deliveries
    assert paths(one) == ["2026-01/2026-01-10T01:23:45.678Z-abc10/focus-00001.csv.gz"], "the partition's own manifest"
    assert one.as_of is not None
    assert one.as_of.isoformat() == "2026-01-10T01:23:45.678000+00:00"
    manifests[0].unlink()
    (one,) = found(tmp_path / below).deliveries
    assert paths(one) == ["2026-01/2026-01-11T01:23:45.678Z-abc11/focus-00001.csv.gz"]


def test_an_aws_manifest_may_name_keys_of_the_bucket_and_spell_the_partition_small(tmp_path: Path) -> None:
    manifest = aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 1})
    text = manifest.read_text().replace("s3://b/", "").replace("BILLING_PERIOD", "billing_period")
    manifest.write_text(text)
    for folder in ("data", "metadata"):
        base = tmp_path / "exp/focus" / folder
        (base / "BILLING_PERIOD=2026-01").rename(base / "billing_period=2026-01")
    assert len(found(tmp_path).deliveries) == 1


def test_an_aws_manifest_that_names_a_missing_file(tmp_path: Path) -> None:
    aws_period(tmp_path, "2026-01", {f"focus-0000{n}.csv.gz": n for n in range(1, 7)})
    for number in (1, 2, 4, 6):
        (tmp_path / f"exp/focus/data/BILLING_PERIOD=2026-01/focus-0000{number}.csv.gz").unlink()
    aws_period(tmp_path, "2026-02", {"focus-00001.csv.gz": 1})
    findings = found(tmp_path)
    assert [one.label for one in findings.deliveries] == ["exp/focus/BILLING_PERIOD=2026-02"]
    (problem,) = findings.problems
    assert isinstance(problem, e.MissingFiles)
    assert str(problem).startswith("exp/focus/metadata/BILLING_PERIOD=2026-01/focus-Manifest.json: it names exp/focus/")
    assert "focus-00004.csv.gz and 1 more, not there; wait until" in str(problem)


@pytest.mark.parametrize("text", ["", "[]", '{"dataFiles": [1]}', '{"dataFiles": ["s3://b/other/place.csv"]}', "\xff"])
def test_an_aws_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 1}).write_text(text, encoding="latin-1")
    assert isinstance(the_problem(tmp_path), e.UnreadableManifest)


def test_an_aws_period_without_files_is_nothing(tmp_path: Path) -> None:
    aws_period(tmp_path, "2026-01", {})
    findings = found(tmp_path)
    assert (findings.deliveries, findings.problems, len(findings.ignored)) == ([], [], 1)


@pytest.mark.parametrize("below", ["exp/focus/data", "exp/focus/data/BILLING_PERIOD=2026-01"])
def test_the_data_of_an_aws_export_without_its_metadata_is_refused(tmp_path: Path, below: str) -> None:
    aws_period(tmp_path, "2026-01", {"focus-00001.csv.gz": 1}, execution="2026-01-09T00:00:00Z-a")
    problem = the_problem(tmp_path / below)
    assert isinstance(problem, e.PartitionWithoutManifest)
    assert "the folder that holds data/ and metadata/" in str(problem)


def test_of_azure_runs_the_newest_counts(tmp_path: Path) -> None:
    azure_run(tmp_path, "b-run", OLDER, {"part_0_0001.csv": 1})
    azure_run(tmp_path, "a-run", NEWER, {"part_0_0001.csv": 1, "part_1_0001.csv": 2})
    (one,) = found(tmp_path).deliveries
    assert [(file.stored.path.split("/")[-2:], file.rows) for file in one.files] == [
        (["a-run", "part_0_0001.csv"], 1), (["a-run", "part_1_0001.csv"], 1),
    ]  # fmt: skip
    assert (one.label, one.as_of and one.as_of.isoformat()) == ("daily 2026-01", "2026-01-05T06:00:00+00:00")


def test_an_azure_run_is_not_there_before_its_manifest(tmp_path: Path) -> None:
    azure_run(tmp_path, "a", OLDER, {"part_0_0001.csv": 1})
    azure_run(tmp_path, "b", NEWER, {"part_0_0001.csv": 1}).unlink()
    (one,) = found(tmp_path).deliveries
    assert "/a/" in one.files[0].stored.path


def test_azure_partitions_must_be_as_long_as_the_manifest_says(tmp_path: Path) -> None:
    manifest = azure_run(tmp_path, "a", NEWER, {"part_0_0001.csv": 1})
    part = manifest.with_name("part_0_0001.csv")
    size = part.stat().st_size
    part.write_bytes(part.read_bytes() + b"\n")
    problem = the_problem(tmp_path)
    assert isinstance(problem, e.SizeDiffers)
    assert (problem.promised, problem.found) == (size, size + 1)
    part.unlink()
    assert isinstance(the_problem(tmp_path), e.MissingFiles)


@pytest.mark.parametrize(
    ("changes", "error", "what"),
    [
        ({"dataRowCount": 7}, e.UnreadableManifest, "its partitions have 1 rows, but it says 7"),
        ({"blobCount": 2}, e.UnreadableManifest, "its partitions have 1 blobs, but it says 2"),
        ({"byteCount": 1}, e.UnreadableManifest, "bytes, but it says 1"),
        ({"blobs": None}, e.UnreadableManifest, "not a manifest of Azure"),
        ({"runInfo": {"submittedTime": "today", "startDate": "2026-01-01"}}, e.UnreadableManifest, "not a manifest"),
        ({"runInfo": {"submittedTime": NEWER, "startDate": "2026-01-05T00:00:00"}}, e.PartOfMonth, "at 2026-01-05, in"),
    ],
)
def test_a_bad_azure_manifest(tmp_path: Path, changes: dict[str, object], error: type[Exception], what: str) -> None:
    azure_run(tmp_path, "a", NEWER, {"part_0_0001.csv": 1}, **changes)
    problem = the_problem(tmp_path)
    assert isinstance(problem, error)
    assert what in str(problem)


def test_azure_exports_of_other_data_are_left_alone(tmp_path: Path) -> None:
    azure_run(tmp_path, "a", NEWER, {"part_0_0001.csv": 1}, exportConfig={"exportName": "prices", "type": "PriceSheet"})
    findings = found(tmp_path)
    assert (findings.deliveries, findings.problems, len(findings.ignored)) == ([], [], 1)


def test_a_plain_folder_is_one_delivery_or_one_of_each_file(tmp_path: Path) -> None:
    for name in ("b.csv", "a.parquet", "sub/c.jsonl.gz", "readme.txt", ".a.csv.tmp", "_part.csv"):
        put(tmp_path, name, 1)
    (one,) = found(tmp_path).deliveries
    assert paths(one) == ["a.parquet", "b.csv", "sub/c.jsonl.gz"]
    each = found(tmp_path, file_by_file=True)
    assert sorted(map(paths, each.deliveries)) == [["a.parquet"], ["b.csv"], ["sub/c.jsonl.gz"]]
    assert each.ignored == [".a.csv.tmp", "_part.csv", "readme.txt"]


def test_parts_of_a_file_stay_together(tmp_path: Path) -> None:
    together = ["x-00001.csv.gz", "x-00002.csv.gz", "y/000000000000.parquet", "y/000000000001.parquet",
                "z/part-00000-0a1b.csv", "z/part-00001-0a1b.csv"]  # fmt: skip
    for name in [*together, "costs-20260101.csv", "costs-20260102.csv"]:
        put(tmp_path, name, 1)
    findings = found(tmp_path, file_by_file=True)
    assert sorted(map(paths, findings.deliveries)) == [
        ["costs-20260101.csv"], ["costs-20260102.csv"], together[:2], together[2:4], together[4:],
    ]  # fmt: skip


def test_a_missing_part(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        put(tmp_path, f"x-{number:05d}.csv", 1)
    problem = the_problem(tmp_path, file_by_file=True)
    assert isinstance(problem, e.MissingPart)
    assert str(problem) == "x-00001.csv: part 00003 of this file is missing; wait until the export is complete"


def test_oracle_adds_a_file_in_parts_with_each_run(tmp_path: Path) -> None:
    for name in ("0001-00001.csv.gz", "0001-00002.csv.gz", "0002-00001.csv.gz"):
        put(tmp_path, f"FOCUS Reports/2026/01/05/{name}", 1)
    for root in (tmp_path, tmp_path / "FOCUS Reports" / "2026"):
        first, second = found(root).deliveries
        assert [len(first.files), len(second.files)] == [2, 1]
        assert first.style == second.style == "append"
        assert len(first.origins()) == 2, "each file is delivered once, even if a part comes later"


def test_the_oldest_delivery_comes_first(tmp_path: Path) -> None:
    for age, name in enumerate(("c.csv", "a.csv", "b.csv")):
        os.utime(put(tmp_path, name, 1), (1_000_000_000 + age, 1_000_000_000 + age))
    assert [one.label for one in found(tmp_path, file_by_file=True).deliveries] == ["c.csv", "a.csv", "b.csv"]


def test_an_origin_is_another_as_soon_as_anything_differs(tmp_path: Path) -> None:
    manifest = azure_run(tmp_path, "a", NEWER, {"part_0_0001.csv": 1})
    before = found(tmp_path).deliveries[0].origins()
    assert found(tmp_path).deliveries[0].origins() == before
    os.utime(manifest, (1, 1))
    assert found(tmp_path).deliveries[0].origins() != before


def test_what_changes_while_it_is_read_is_not_delivered(tmp_path: Path) -> None:
    manifest = azure_run(tmp_path, "a", NEWER, {"part_0_0001.csv": 1})
    location = Location(str(tmp_path))
    (one,) = find(location, file_by_file=True).deliveries
    check_unchanged(location, one)
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(e.ChangedMeanwhile, match=r"manifest\.json: it changed while it was read"):
        check_unchanged(location, one)


def test_a_single_file_is_a_place(tmp_path: Path) -> None:
    file = put(tmp_path, "odd.name.csv", 1)
    (one,) = found(file).deliveries
    assert paths(one) == ["odd.name.csv"]
    location = Location(str(file))
    assert b"".join(location.blocks(next(iter(location.listing().values())))) == file.read_bytes()


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(e.UnreadablePlace, match="there is no such file or folder"):
        found(tmp_path / "nowhere")
    with pytest.raises(e.UnreadablePlace, match=r"gcsfs.*; pip install 'apportion\[gcs\]'"):
        Location("gs://bucket/x")
    with pytest.raises(e.UnreadablePlace, match=r"[Pp]rotocol not known"):
        Location("nonsense://bucket/x")


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(e.UnreadablePlace) as caught:
        Location("s3://key:secret@bucket/x")
    assert "secret" not in str(caught.value)
