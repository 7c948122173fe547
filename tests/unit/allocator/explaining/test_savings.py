"""Savings of commitments, by figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from services.allocator.explaining.savings import savings
from services.allocator.loading import load, load_bundle
from tests.unit.allocator.archive import PERIOD, charge, write_archive

RULES = """
name: acme
effective_from: 2026-01
basis: EffectiveCost
cost_centers: cost-centers.csv
rules:
  - {id: unused, when: {column: CommitmentDiscountStatus, equals: Unused}, assign: {pool: platform}}
  - {id: by-tag, assign: {tag: team}}
fallback: {suspense: true}
pools:
  - {id: platform, method: even, targets: all}
"""


def covered(contracted: str, effective: str, team: str | None, status: str = "Used", **columns: Any) -> dict[str, Any]:
    return charge(
        "0", tags={"team": team} if team else None, CommitmentDiscountId="sp-1", CommitmentDiscountName="Plan",
        CommitmentDiscountStatus=status,
    ) | {"ContractedCost": Decimal(contracted), "EffectiveCost": Decimal(effective)} | columns  # fmt: skip


def test_savings_go_to_whoever_had_the_covered_usage_and_unused_is_a_loss(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "cost-centers.csv").write_text("cost_center_id,name\nA,Alpha\n")
    rows = [
        covered("10", "6", "A"), covered("1", "0.5", "A"), covered("7", "7", None), covered("0", "3", None, "Unused"),
        covered("90", "90", "A", ChargeCategory="Purchase"), charge("5", tags={"team": "A"}),
    ]  # fmt: skip
    archive = write_archive(tmp_path / "archive", rows)

    found = savings(archive, PERIOD, load(load_bundle(tmp_path / "rules.yaml")))

    assert [
        (one["owner"], one["contracted_cost"], one["effective_cost"], one["savings"], one["unused_cost"])
        for one in found
    ] == [("A", "11", "6.5", "4.5", "0"), ("SUSPENSE", "7", "7", "0", "0"), ("pool:platform", "0", "0", "0", "3")]
    assert {(one["commitment"], one["commitment_name"], one["currency"]) for one in found} == {("sp-1", "Plan", "USD")}
