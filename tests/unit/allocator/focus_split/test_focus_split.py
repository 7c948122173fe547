"""A month as a FOCUS file with the split in it: sums stay, ratios add up to 1, nothing counts twice."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.allocator.domain.pool import Even, Pool, Weighted
from services.allocator.domain.rule_set import SUSPENSE, Divided, Leaf, Lookup, Rule, RuleSet, Target
from services.allocator.focus_split.files import write_month
from services.allocator.focus_split.rows import METRICS, Month
from services.allocator.loading import LoadedRuleSet
from services.allocator.loading.cost_centers import CostCenterRow
from services.allocator.simulating.simulate import Side
from tests.unit.allocator.archive import PERIOD, charge, write_archive

A, B, C = (Target("cost_center", name) for name in "ABC")
CENTERS = {name: CostCenterRow(name, f"Team {name}", "") for name in "ABC"}
HOST = Rule("host", Target("pool", "host"), Leaf("ServiceName", "in", ("host",)))


def side(rules: Sequence[Rule], *pools: Pool) -> Side:
    rule_set = RuleSet("acme", PERIOD, "EffectiveCost", tuple(rules), SUSPENSE, pools)
    return Side(LoadedRuleSet(rule_set, "v1", CENTERS, {}, {}))


def split(directory: Path, rows: Sequence[dict[str, Any]], by: Side) -> list[dict[str, Any]]:
    month = Month(write_archive(directory / "archive", rows), PERIOD, by)
    return [row for batch in month.batches() for row in batch.to_pylist()]


def test_the_split_vector_of_the_specification(tmp_path: Path) -> None:
    """FOCUS 1.5 working draft: a host with quantity 24, list 288.00, effective 240.00, billed 0, by .5, .3 and .2."""
    costs = {"EffectiveCost": Decimal(240), "ListCost": Decimal(288), "ListUnitPrice": Decimal(12)}
    host = charge("0", quantity="24", ServiceName="host", ResourceId="i-1") | costs
    pods = Weighted(((A, Decimal(60)), (B, Decimal(36)), (C, Decimal(24))))

    origin, *allocated = split(tmp_path, [host], side([HOST], Pool("host", pods)))

    assert [origin[name] for name in METRICS if origin[name] is not None] == [0, 0, 0, 0]
    assert (origin["AllocatedMethodId"], origin["AllocatedResourceId"]) == ("acme/host", None)
    assert json.loads(origin["AllocatedMethodDetails"]) == {"Elements": []}
    figures = [(row["EffectiveCost"], row["ListCost"], row["ConsumedQuantity"], row["BilledCost"]) for row in allocated]
    assert figures == [
        (120, 144, 12, 0), (72, Decimal("86.4"), Decimal("7.2"), 0), (48, Decimal("57.6"), Decimal("4.8"), 0),
    ]  # fmt: skip
    assert [ratio(row) for row in allocated] == [Decimal("0.5"), Decimal("0.3"), Decimal("0.2")]
    assert [row["AllocatedResourceName"] for row in allocated] == ["Team A", "Team B", "Team C"]
    assert {(row["ListUnitPrice"], row["ResourceId"], row["AllocatedMethodId"]) for row in allocated} == {
        (Decimal(12), "i-1", "acme/host")
    }


def test_a_merged_month_has_the_sums_of_the_provider_rows_and_ratios_of_one(tmp_path: Path) -> None:
    draw = Random(3)
    rows = [
        charge(
            f"{draw.randint(-99, 99)}.{draw.randint(0, 10**18 - 1):018}", quantity=draw.choice([None, "7", "0.001"]),
            tags={"team": "A"}, ServiceName=draw.choice(["host", "database", "other"]), row_hash=str(number),
            RegionId=draw.choice(["eu", None]), custom={"x_Project": "p"} if number % 2 else {},
        )
        for number in range(60)
    ]  # fmt: skip
    rules = [HOST, Rule("db", Divided(((A, Decimal(70)), (B, Decimal(30)))), Leaf("ServiceName", "in", ("database",))),
             Rule("by-tag", Lookup("tag:team"))]  # fmt: skip
    pools = (
        Pool("host", Weighted(((Target("pool", "floor"), Decimal(2)), (A, Decimal(1)))), partition_by=("RegionId",)),
        Pool("floor", Even((A, B, C))),
    )

    found = split(tmp_path, rows, side(rules, *pools))

    for metric in METRICS:
        assert total(found, metric) == total(rows, metric), metric
    position = 0
    for source in rows:
        own = [found[position]]
        position += 1
        while position < len(found) and found[position]["AllocatedResourceId"] is not None:
            own.append(found[position])
            position += 1
        if source["ServiceName"] == "other":
            assert [(row["BilledCost"], row["x_CostCenter"], row["AllocatedMethodId"]) for row in own] == [
                (source["BilledCost"], "A", None)
            ]
            continue
        assert sum(map(ratio, own[1:])) == 1
        assert {row["x_AllocationPath"] for row in own[1:]} <= {None, "host", "host > floor"}
        for metric in METRICS:
            assert total(own, metric) == (source.get(metric) or 0)
    assert {row["x_Project"] for row in found} == {"p", None}


def test_charges_that_cancel_out_in_a_pool_stay_as_they_are(tmp_path: Path) -> None:
    rows = [charge("5", ServiceName="host", row_hash="1"), charge("-5", ServiceName="host", row_hash="2")]

    found = split(tmp_path, rows, side([HOST], Pool("host", Even((A, B)))))

    assert [(row["BilledCost"], row["x_CostCenter"], row["AllocatedMethodId"]) for row in found] == [
        (5, None, None), (-5, None, None),
    ]  # fmt: skip


def test_files_have_equal_rows_and_plain_decimals(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "archive", [charge("1.50", ServiceName="host"), charge("100")])
    month = Month(archive, PERIOD, side([HOST], Pool("host", Even((A, B)))))

    assert write_month(month, tmp_path / "m.csv") == write_month(month, tmp_path / "m.parquet") == 4

    with (tmp_path / "m.csv").open(newline="") as file:
        texts = list(csv.DictReader(file))
    assert [row["BilledCost"] for row in texts] == ["0", "0.75", "0.75", "100"]
    table = pq.read_table(tmp_path / "m.parquet")
    assert table.column("BilledCost").to_pylist() == [Decimal(row["BilledCost"]) for row in texts]
    assert table.schema.field("BilledCost").type == pa.decimal128(38, 18)


def ratio(row: dict[str, Any]) -> Decimal:
    (element,) = json.loads(row["AllocatedMethodDetails"], parse_float=Decimal)["Elements"]
    return Decimal(element["AllocatedRatio"])


def total(rows: Sequence[dict[str, Any]], metric: str) -> Decimal:
    return sum((row.get(metric) or Decimal(0) for row in rows), Decimal(0))
