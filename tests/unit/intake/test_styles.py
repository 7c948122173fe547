"""What deliveries of either style publish, and which of them are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.intake.domain.delivery import Scope
from services.intake.domain.styles import (
    OlderThanInForce,
    SameFileTwice,
    Style,
    StyleDiffers,
    Terms,
    check_age,
    check_files_differ,
    style_of,
)
from tests.unit.intake.desk import Desk, dense
from tests.unit.intake.exports import charge, write_csv

APPEND = Style.APPEND
JUNE, JULY = datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
FEBRUARY = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}


def test_appended_rows_are_added_and_nothing_is_taken_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first = desk.deliver(write_csv(tmp_path / "1.csv", [charge(1), charge(2)]), style=APPEND)
    second = desk.deliver(write_csv(tmp_path / "2.csv", [charge(3)]), style=APPEND)
    assert [(one.prepared.charges, one.prepared.retractions) for one in (first, second)] == [(2, 0), (1, 0)]
    assert [(one.events, one.billed_cost) for one in second.prepared.snapshot] == [(3, Decimal("6.75"))]
    assert second.prepared.replaces == []
    assert dense(second.events)


def test_rows_that_overlap_are_recognised_and_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.deliver(write_csv(tmp_path / "1.csv", [charge(1), charge(1), charge(2)]), style=APPEND)
    second = desk.deliver(write_csv(tmp_path / "2.csv", [charge(1), charge(1), charge(1), charge(3)]), style=APPEND)
    assert sorted((one.charge["ResourceId"], one.occurrence) for one in second.events) == [("vm-1", 2), ("vm-3", 0)]
    assert second.findings["rows-delivered-before"] == 2
    third = desk.deliver(write_csv(tmp_path / "3.csv", [charge(1)] * 4 + [charge(3)]), style=APPEND)
    assert [(one.charge["ResourceId"], one.occurrence) for one in third.events] == [("vm-1", 3)]


def test_late_rows_go_to_the_period_they_belong_to(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.deliver(write_csv(tmp_path / "1.csv", [charge(1)]), style=APPEND)
    desk.deliver(write_csv(tmp_path / "2.csv", [charge(2, **FEBRUARY)]), style=APPEND)
    late = desk.deliver(write_csv(tmp_path / "3.csv", [charge(3), charge(4, **FEBRUARY)]), style=APPEND)
    assert [(one.billing_period, one.events, one.billed_cost) for one in late.prepared.published] == [
        ("2026-01", 1, Decimal("3.25")), ("2026-02", 1, Decimal("4.25")),
    ]  # fmt: skip
    assert [(one.billing_period, one.events, one.billed_cost) for one in late.prepared.snapshot] == [
        ("2026-01", 2, Decimal("4.5")), ("2026-02", 2, Decimal("6.5")),
    ]  # fmt: skip


def test_a_source_that_begins_to_overwrite_is_compared_with_all_it_appended(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in (1, 2, 3):
        desk.deliver(write_csv(tmp_path / f"{number}.csv", [charge(number)] * number), style=APPEND)
    whole = desk.deliver(write_csv(tmp_path / "whole.csv", [charge(2), charge(3), charge(3), charge(3), charge(4)]))
    assert sorted((one.kind, one.charge["ResourceId"]) for one in whole.events) == [
        ("charge", "vm-4"), ("retraction", "vm-1"), ("retraction", "vm-2"),
    ]  # fmt: skip
    assert [one.events for one in whole.prepared.snapshot] == [5]


def test_the_style_of_a_source_is_remembered_and_changed_only_on_request() -> None:
    assert style_of("aws", None, Terms()) is Style.OVERWRITE
    assert style_of("gcp", APPEND, Terms()) is APPEND
    with pytest.raises(StyleDiffers, match=r"source gcp delivers by append, not by overwrite.*--change-style"):
        style_of("gcp", APPEND, Terms(style=Style.OVERWRITE))
    assert style_of("gcp", APPEND, Terms(style=Style.OVERWRITE, change_style=True)) is Style.OVERWRITE


def test_a_snapshot_older_than_the_one_in_force_is_refused() -> None:
    in_force = {Scope("A", "2026-06"): JULY, Scope("B", "2026-06"): JUNE}
    with pytest.raises(OlderThanInForce, match=r"as of 2026-06-30.*in force for A in 2026-06 is as of 2026-07-01"):
        check_age(JUNE, in_force)
    check_age(JULY, in_force)
    check_age(None, in_force)


def test_copies_of_a_file_are_refused_and_empty_parts_are_not() -> None:
    check_files_differ([("a-00001.csv", "1", 5), ("a-00002.csv", "2", 5), ("a-00003.csv", "3", 0), ("b.csv", "3", 0)])
    with pytest.raises(SameFileTwice, match=r"^a \(1\).csv: it is byte for byte a.csv, so that its 1,000 rows would"):
        check_files_differ([("a.csv", "1", 1_000), ("b.csv", "2", 1), ("a (1).csv", "1", 1_000)])
    with pytest.raises(SameFileTwice, match=r"^a.csv: it is there twice"):
        check_files_differ([("a.csv", "1", 1), ("a.csv", "1", 1)])
