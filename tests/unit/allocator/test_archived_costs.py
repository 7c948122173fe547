"""Buckets from the archive are those that the stream makes of the same charges."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from services.allocator.archived_costs import NoCosts, archived_buckets
from services.allocator.domain.buckets import GRAIN, Bucket
from services.allocator.domain.rule_set import CHARGE_DAY
from services.allocator.lens import Lens
from shared.projection import Projection
from tests.unit.allocator.archive import PERIOD, charge, write_archive

ODD_KEYS = ("team", "a.b", "it's", "x/y", "~", "$", " org", "é", "a[0]")


def test_equal_values_add_up_and_others_stay_apart(tmp_path: Path) -> None:
    rows = [charge("1.5"), charge("2"), charge("0.000000000000000001", ServiceName="t"), charge("-1", RegionId="r")]

    found = archived_buckets(write_archive(tmp_path, rows), PERIOD, ("RegionId", CHARGE_DAY))

    assert found.dimensions == (*GRAIN, "RegionId", CHARGE_DAY)
    grain = ("USD", "P", "i-1", "P", "s", "payer", None, "Usage", None)
    assert sorted(found.rows, key=repr) == sorted(
        [
            Bucket((*grain, None, "2026-01-05"), Decimal("3.5"), Decimal("3.5"), 2),
            Bucket((*grain[:4], "t", *grain[5:], None, "2026-01-05"), Decimal("1e-18"), Decimal("1e-18"), 1),
            Bucket((*grain, "r", "2026-01-05"), Decimal(-1), Decimal(-1), 1),
        ],
        key=repr,
    )


@pytest.mark.parametrize("key", ODD_KEYS)
def test_every_key_of_a_tag_or_custom_column_is_taken_literally(tmp_path: Path, key: str) -> None:
    rows = [charge("1", tags={key: "blue", "other": "x"}, custom={f"x_{key}": "7"}), charge("2")]
    event = {
        "delivery_id": "d", "partition": 0, "sequence": 0, "billing_period": PERIOD, "charge_day": "2026-01-05",
        "charge": {"BillingCurrency": "USD", "BilledCost": "1", "EffectiveCost": "1", "Tags": {key: "blue"}},
        "custom": {f"x_{key}": "7"},
    }  # fmt: skip
    compiled = Projection(columns=(), tags=(key,), custom=(f"x_{key}",)).compile()

    found = archived_buckets(write_archive(tmp_path, rows), PERIOD, (f"tag:{key}", f"x_{key}"))

    streamed = compiled.key(compiled.decode(json.dumps(event).encode()))[2:]
    assert {row.values[-2:]: row.billed_cost for row in found.rows} == {streamed: 1, (None, None): 2}


def test_a_month_without_costs_is_named(tmp_path: Path) -> None:
    write_archive(tmp_path, [charge("1")])

    with pytest.raises(NoCosts, match="nothing is in force for 2026-02"):
        archived_buckets(tmp_path, "2026-02", ())


def test_the_month_of_a_charge_is_that_of_its_first_day_for_archive_and_stream(tmp_path: Path) -> None:
    late = charge("1", day="2025-12-31") | {"billing_period": PERIOD}
    archive = write_archive(tmp_path / "archive", [late, charge("2")])

    buckets = archived_buckets(archive, PERIOD, ["charge_month"])

    assert sorted((row.values[-1], row.billed_cost) for row in buckets.rows) == [
        ("2025-12", Decimal(1)), ("2026-01", Decimal(2)),
    ]  # fmt: skip
    lens = Lens().with_dimensions(["charge_month"])
    assert lens.dimensions[:2] == ("BillingCurrency", "charge_month")
    compiled = lens.projection().compile()
    event = {
        "delivery_id": "d", "partition": 0, "sequence": 0, "billing_period": PERIOD, "charge_day": "2025-12-31",
        "charge": {"BillingCurrency": "USD", "BilledCost": "1", "EffectiveCost": "1"},
    }  # fmt: skip
    assert compiled.key(compiled.decode(json.dumps(event).encode()))[:3] == (PERIOD, "USD", "2025-12")
