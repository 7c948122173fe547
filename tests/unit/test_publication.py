"""A batch folder is there whole or not at all, and is never overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared.publication import MANIFEST, PublishedDifferently, is_published, publish, verify

ABOUT = {"batch": "invoices", "totals": [{"currency": "USD", "invoiced": "412.07"}]}


def two_files(staging: Path) -> None:
    (staging / "lines.csv").write_text("line,amount\n1,412.07\n", encoding="utf-8")
    (staging / "notes.txt").write_text("as agreed\n", encoding="utf-8")


def never(staging: Path) -> None:
    raise AssertionError("must not be written again")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "2026-01" / "invoices-r1"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_sha256sum_accepts_what_was_published(folder: Path) -> None:
    assert publish(folder, ABOUT, two_files)
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
    assert (folder / "SHA256SUMS").read_text().count("\n") == 3


def test_manifest_says_the_totals_and_lists_the_files(folder: Path) -> None:
    publish(folder, ABOUT, two_files)
    manifest = verify(folder)
    assert manifest["totals"] == ABOUT["totals"]
    files = manifest["files"]
    assert isinstance(files, list)
    assert [(file["name"], file["bytes"]) for file in files] == [("lines.csv", 21), ("notes.txt", 10)]


def test_nothing_but_the_batch_is_left_in_the_parent(folder: Path) -> None:
    publish(folder, ABOUT, two_files)
    assert [path.name for path in folder.parent.iterdir()] == ["invoices-r1"]


def test_publishing_again_verifies_and_writes_nothing(folder: Path) -> None:
    publish(folder, ABOUT, two_files)
    assert not publish(folder, ABOUT, never)


def test_a_changed_file_is_found_and_kept(folder: Path) -> None:
    publish(folder, ABOUT, two_files)
    (folder / "lines.csv").write_text("line,amount\n1,412.08\n")
    with pytest.raises(PublishedDifferently, match=r"lines\.csv .*changed"):
        publish(folder, ABOUT, never)
    assert (folder / "lines.csv").read_text().endswith("412.08\n")


def test_a_missing_file_is_found(folder: Path) -> None:
    publish(folder, ABOUT, two_files)
    (folder / "notes.txt").unlink()
    with pytest.raises(PublishedDifferently, match=r"notes\.txt .*missing"):
        verify(folder)


def test_another_batch_never_replaces_a_published_one(folder: Path) -> None:
    publish(folder, ABOUT, two_files)
    with pytest.raises(PublishedDifferently, match=r"manifest\.json"):
        publish(folder, {**ABOUT, "totals": []}, never)


def test_an_unfinished_folder_is_completed_with_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    publish(tmp_path / "undisturbed", ABOUT, two_files)
    folder.mkdir(parents=True)
    two_files(folder)
    (folder / "notes.txt").unlink()
    assert not is_published(folder)
    assert publish(folder, ABOUT, two_files)
    assert bytes_of(folder) == bytes_of(tmp_path / "undisturbed")


def test_an_unfinished_folder_with_other_bytes_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "lines.csv").write_text("line,amount\n1,999.99\n")
    with pytest.raises(PublishedDifferently, match="other bytes"):
        publish(folder, ABOUT, two_files)
    assert not is_published(folder)
    assert (folder / "lines.csv").read_text().endswith("999.99\n")


def test_what_fails_while_writing_is_never_visible(folder: Path) -> None:
    def half(staging: Path) -> None:
        two_files(staging)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        publish(folder, ABOUT, half)
    assert not folder.exists()
    assert publish(folder, ABOUT, two_files)


def test_a_second_publisher_makes_the_first_one_fail_but_harms_nothing(folder: Path) -> None:
    def overtaken(staging: Path) -> None:
        two_files(staging)
        publish(folder, ABOUT, two_files)

    with pytest.raises(FileNotFoundError):
        publish(folder, ABOUT, overtaken)
    assert verify(folder)["totals"] == ABOUT["totals"]


KILLED_BEFORE_LINK = """
import os, sys
from pathlib import Path
from shared import publication

links = 0
real = publication._link
def link(source, target):
    global links
    if links == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    links += 1
    real(source, target)
publication._link = link

def write(staging):
    (staging / "lines.csv").write_text("line,amount\\n1,412.07\\n", encoding="utf-8")
    (staging / "notes.txt").write_text("as agreed\\n", encoding="utf-8")

about = {"batch": "invoices", "totals": [{"currency": "USD", "invoiced": "412.07"}]}
publication.publish(Path(sys.argv[1]), about, write)
"""


@pytest.mark.parametrize("links", range(4))
def test_killed_between_any_two_links_then_repeated_gives_the_same_bytes(
    folder: Path, tmp_path: Path, links: int
) -> None:
    publish(tmp_path / "undisturbed", ABOUT, two_files)
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_LINK, str(folder), str(links)], check=False)
    assert killed.returncode == -9
    assert not is_published(folder)
    assert publish(folder, ABOUT, two_files)
    assert bytes_of(folder) == bytes_of(tmp_path / "undisturbed")
    assert [path.name for path in folder.parent.iterdir()] == ["invoices-r1"]


def test_zip_containers_have_a_hash_of_their_content_too(tmp_path: Path) -> None:
    def packed(compression: int) -> str:
        def write(staging: Path) -> None:
            with zipfile.ZipFile(staging / "book.xlsx", "w", compression) as archive:
                archive.writestr(zipfile.ZipInfo("b.xml"), "<b/>")
                archive.writestr(zipfile.ZipInfo("a.xml"), "<a/>" * 100)

        folder = tmp_path / str(compression)
        publish(folder, {}, write)
        return str(json.loads((folder / MANIFEST).read_text())["files"][0]["content_sha256"])

    assert packed(zipfile.ZIP_STORED) == packed(zipfile.ZIP_DEFLATED)
