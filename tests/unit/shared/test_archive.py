"""What is in force, as the archive alone tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.archive import ArchivedDelivery, ArchiveUnreadable, has, in_force, keep


def deliver(
    archive: Path, name: str, source: str, ordinal: int, scopes: list[tuple[str, str]], style: str = ""
) -> None:
    keep(
        archive,
        ArchivedDelivery(
            delivery_id=name, source=source, ordinal=ordinal, scopes=scopes,
            style="append" if style == "append" else "withdrawal" if style == "withdrawal" else "overwrite",
        ),
    )  # fmt: skip
    if style == "withdrawal":
        return
    for _, period in scopes:
        rows = archive / "rows" / name / f"{period}.parquet"
        rows.parent.mkdir(parents=True, exist_ok=True)
        rows.touch()


def found(archive: Path, period: str = "2026-01") -> dict[str, tuple[str, ...]]:
    return {rows.path.parent.name: rows.billing_account_ids for rows in in_force(archive, period)}


def test_a_newer_snapshot_replaces_the_payers_that_it_has(tmp_path: Path) -> None:
    deliver(tmp_path, "z-first", "aws", 1, [("a", "2026-01"), ("b", "2026-01"), ("a", "2025-12")])
    deliver(tmp_path, "a-second", "aws", 2, [("a", "2026-01")])

    assert found(tmp_path) == {"a-second": ("a",), "z-first": ("b",)}
    assert found(tmp_path, "2025-12") == {"z-first": ("a",)}
    assert found(tmp_path, "2027-01") == {}


def test_appended_deliveries_and_other_sources_stand_beside_each_other(tmp_path: Path) -> None:
    deliver(tmp_path, "one", "gcp", 1, [("a", "2026-01")], "append")
    deliver(tmp_path, "two", "gcp", 2, [("a", "2026-01")], "append")
    deliver(tmp_path, "aws", "aws", 7, [("a", "2026-01")])

    assert found(tmp_path) == {"aws": ("a",), "one": ("a",), "two": ("a",)}


def test_a_withdrawal_takes_back_its_scopes_and_later_rows_count_again(tmp_path: Path) -> None:
    deliver(tmp_path, "one", "gcp", 1, [("a", "2026-01"), ("b", "2026-01"), ("a", "2026-02")], "append")
    deliver(tmp_path, "two", "gcp", 2, [("a", "2026-01")], "append")
    deliver(tmp_path, "back", "gcp", 3, [("a", "2026-01")], "withdrawal")
    assert found(tmp_path) == {"one": ("b",)}
    assert found(tmp_path, "2026-02") == {"one": ("a",)}
    deliver(tmp_path, "four", "gcp", 4, [("a", "2026-01")], "append")
    assert found(tmp_path) == {"one": ("b",), "four": ("a",)}


def test_noting_again_changes_nothing(tmp_path: Path) -> None:
    deliver(tmp_path, "one", "gcp", 1, [("a", "2026-01")])
    before = {path.name: path.read_bytes() for path in (tmp_path / "deliveries").iterdir()}
    deliver(tmp_path, "one", "gcp", 1, [("a", "2026-01")])

    assert {path.name: path.read_bytes() for path in (tmp_path / "deliveries").iterdir()} == before
    assert has(tmp_path, "one")
    assert not has(tmp_path, "two")


def test_what_is_no_whole_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnreadable, match=r"is no archive of costs.*intake's data"):
        in_force(tmp_path, "2026-01")

    deliver(tmp_path, "one", "gcp", 1, [("a", "2026-01")])
    (tmp_path / "rows" / "one" / "2026-01.parquet").unlink()
    with pytest.raises(ArchiveUnreadable, match=r"one/2026-01.parquet is missing: restore it"):
        in_force(tmp_path, "2026-01")

    (tmp_path / "deliveries" / "one.json").write_text("{}")
    with pytest.raises(ArchiveUnreadable, match=r"one.json can't be read: .*delivery_id"):
        in_force(tmp_path, "2026-01")
