"""A line explained: its shares multiply to its amount, and the provider's rows add up to what its rule took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.allocator.archived_costs import archived_buckets
from services.allocator.domain.allocate import allocate
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.pool import Even, Pool, Proportional, Weighted
from services.allocator.domain.rule_set import SUSPENSE, Divided, Leaf, Lookup, Rule, RuleSet, Target
from services.allocator.explaining.explanation import explain, summarise
from services.allocator.explaining.rows import provider_rows
from services.allocator.line_content import LineEncoder
from services.allocator.loading import LoadedRuleSet
from services.allocator.loading.cost_centers import CostCenterRow
from shared.events import Allocation, decode
from tests.unit.allocator.archive import PERIOD, charge, write_archive

A, B, C = (Target("cost_center", name) for name in "ABC")
CENTERS = {name: CostCenterRow(name, name, "") for name in "ABC"}
RULES = RuleSet(
    name="r", effective_from=PERIOD, basis="EffectiveCost", fallback=SUSPENSE,
    rules=(
        Rule("network", Target("pool", "network"), Leaf("ServiceName", "in", ("network",))),
        Rule("tax", Target("pool", "tax"), Leaf("ChargeCategory", "in", ("Tax",))),
        Rule("database", Divided(((A, Decimal(70)), (B, Decimal(30)))), Leaf("ServiceName", "in", ("database",))),
        Rule("by-tag", Lookup("tag:team")),
    ),
    pools=(
        Pool("network", Weighted(((Target("pool", "platform"), Decimal(2)), (A, Decimal(1))))),
        Pool("platform", Even((A, B, C)), keep_detail=False),
        Pool("tax", Proportional((A, C)), partition_by=("RegionId",), when_zero=SUSPENSE),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = Random(11)
    rows = [charge("12.5", ChargeCategory="Tax", RegionId="nowhere else", row_hash="lonely")]
    for number in range(300):
        team = draw.choice([None, "A", "B", "C", "typo"])
        rows.append(
            charge(
                f"{draw.randint(-300, 900)}.{draw.randint(0, 10**12):012}", tags={"team": team} if team else None,
                ServiceName=draw.choice(["network", "database", "compute"]), SubAccountId=draw.choice(["1", "2", None]),
                ChargeCategory=draw.choice(["Usage", "Usage", "Tax"]), RegionId=draw.choice(["eu", "us", None]),
                row_hash=str(number),
            )
        )  # fmt: skip
    return write_archive(tmp_path_factory.mktemp("month") / "archive", rows)


@pytest.fixture(scope="module")
def lines(archive: Path) -> list[Allocation]:
    buckets = archived_buckets(archive, PERIOD, dimensions_used(RULES))
    allocated = allocate(buckets, RULES, CENTERS)
    encoder = LineEncoder()
    return [decode(Allocation, encoder.line(line, "r", "v").body(1, "run")) for line in allocated]


def test_the_rows_behind_every_line_add_up_to_what_its_rule_took(archive: Path, lines: list[Allocation]) -> None:
    loaded = LoadedRuleSet(RULES, "v", CENTERS, {}, {})
    kinds = set()

    for line in some_of_each(lines):
        rows, found = provider_rows(archive, loaded, line, most=5), explain(line, lines)
        assert found["given"] in (rows["sum"], None), line
        assert rows["count"] >= len(rows["rows"]) > 0
        kinds.add((line.kind, line.rule_id, len(line.path), found["given"] is not None))
        # What the rows add up to, taken through every share, is the line: each pool rounds by less than a unit a part.
        assert abs(shared_out(found, Decimal(rows["sum"]["effective_cost"])) - line.effective_cost) < Decimal("1e-15")

    assert kinds == {
        ("direct", "by-tag", 0, True), ("direct", "database", 0, True), ("shared", "network", 2, True),
        ("shared", "network", 1, False), ("shared", "tax", 1, True), ("suspense", "tax", 1, True),
        ("suspense", "fallback", 0, True),
    }  # fmt: skip


def some_of_each(lines: Sequence[Allocation], most: int = 5) -> Iterator[Allocation]:
    """A few lines of each way that cost can take."""
    seen: dict[tuple[str, str, int], int] = defaultdict(int)
    for line in lines:
        way = (line.kind, line.rule_id, len(line.path))
        seen[way] += 1
        if seen[way] <= most:
            yield line


def shared_out(found: dict[str, Any], amount: Decimal) -> Decimal:
    part = Fraction(amount)
    for share in [step["share"] for step in found["steps"]] or [found["share"]]:
        part *= Fraction(share["weight"]) / Fraction(share["weight_total"]) if share else 1
    return Decimal(part.numerator) / Decimal(part.denominator)


def test_each_step_says_what_the_pool_held_and_who_got_how_much(lines: list[Allocation]) -> None:
    line = next(one for one in lines if one.path == ["network", "platform"] and one.cost_center == "C")

    network, platform = explain(line, lines)["steps"]

    assert (network["pool"], network["to"], network["share"]["weight"]) == ("network", "pool:platform", "2")
    assert {taker["to"] for taker in network["takers"]} == {"pool:platform", "A"}
    assert (platform["method"], platform["to"], len(platform["takers"])) == ("even", "C", 3)
    for step in (network, platform):
        parts = sum(Decimal(taker["effective_cost"]) for taker in step["takers"])
        assert parts == Decimal(step["held_of_origin"]["effective_cost"])
    held = sum(one.effective_cost for one in lines if "network" in one.path)
    assert Decimal(network["held"]["effective_cost"]) == held


def test_a_summary_has_all_that_a_cost_center_pays(lines: list[Allocation]) -> None:
    entries: list[dict[str, Any]] = summarise("A", lines, "EffectiveCost")

    assert sum(Decimal(one["amount"]) for one in entries) == sum(
        one.effective_cost for one in lines if one.cost_center == "A"
    )
    assert {one["what"] for one in entries} >= {"network", "network > platform", "tax", "compute", "database"}
    assert {one["largest_line"] for one in entries} <= {one.allocation_id for one in lines if one.cost_center == "A"}
