"""DuckDB as a judge: the synthetic month, allocated in SQL, agrees with the allocator to the last digit."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.drivers import Drivers, Measurement, Window
from services.allocator.loading import load, load_bundle
from shared.money import to_units
from synthetic.export import Export, generate
from tests.judges.allocation import SqlAllocation, dimension
from tests.judges.splitting import split_all

PERIOD = "2026-06"
Lines = dict[tuple[Any, ...], tuple[int, int]]


MORE_POOLS = """\
pools:
  - id: network
    method: fixed_percent
    targets: {"pool:kubernetes": 35, "pool:observability": 15, CC-1000: 30, CC-1001: 20}
  - {id: kubernetes, method: weighted, targets: {CC-1000: 5, CC-1001: 3, CC-1002: 2, "pool:network": 1}}
  - id: observability
    method: driver
    targets: all
    drivers: [{metric: spans, weight: 0.7}, {metric: gigabytes, weight: 2}]
  - id: commitments
    method: proportional
    targets: all
    partition_by: [CommitmentDiscountId]
    base: {where: {column: CommitmentDiscountStatus, equals: Used}}
    when_zero: even
  - {id: support, method: driver, targets: all, exclude: [CC-1003], driver: spans, partition_by: [ServiceProviderName]}
  - id: taxes
    method: proportional
    targets: all
    partition_by: [InvoiceIssuerName, InvoiceId]
    base: {basis: BilledCost, where: {not: {column: CommitmentDiscountStatus, equals: Used}}}
    when_zero: even
  - id: credits
    method: driver
    targets: all
    combine: quantities
    drivers: [{metric: gigabytes}, {metric: spans, weight: 9}]
reciprocal: [[network, kubernetes]]
"""
"""Drivers, partitions and a pair of pools that serve each other."""

AMOUNTS = """\
pools:
  - id: network
    method: fixed_amount
    amounts: {CC-1000: 300, CC-1001: 0.01, "pool:kubernetes": 123.456}
    currency: USD
    rest:
      method: floor_plus_variable
      floor: {percent: 20, method: even, targets: all}
      variable: {method: driver, targets: all, exclude: [CC-1000], driver: spans}
  - id: kubernetes
    method: driver
    targets: all
    driver: gigabytes
    tiers: [{up_to: 1.5, rate: 3}, {up_to: 3, rate: 0.125}, {rate: 0.5}]
    cap: {amounts: {CC-1001: 12.5, CC-1002: 100, CC-1003: 0.003}, currency: USD, spill: "pool:observability"}
  - id: observability
    method: usage_rate
    targets: all
    driver: spans
    rates: [{up_to: 7, rate: 1.5}, {rate: 0.625}]
    currency: USD
    variance: CC-1000
  - {id: commitments, method: proportional, targets: all, min_percent: 1, max_percent: 7}
  - {id: support, method: usage_rate, targets: all, driver: gigabytes, rate: 99, currency: EUR, variance: suspense}
  - id: taxes
    method: fixed_amount
    amounts: {CC-1000: 3000, CC-1001: 7}
    currency: USD
    rest: {method: even, targets: all}
  - id: credits
    method: fixed_percent
    targets: {CC-1000: 35, CC-1001: 20}
    residual: suspense
    cap: {amounts: {CC-1000: 10}, currency: USD, spill: CC-1001}
"""
"""Amounts with a rest, tiers, caps with a spill, rates with both variances, bounds, a floor, a residual."""
LEGS = {"", "over-recovery", "residual", "spill", "under-recovery", "unowned"}


@pytest.fixture(
    scope="module",
    params=[(7, "", {""}), (11, MORE_POOLS, {"", "unowned"}), (7, AMOUNTS, LEGS)],
    ids=["7", "11-more", "7-amounts"],
)
def month(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SqlAllocation, Lines, set[str]]:
    """What SQL is asked about a seeded month, the allocator's lines of it, and the legs that these must have."""
    seed, pools, legs = request.param
    directory = tmp_path_factory.mktemp("month")
    generate(Export(rows=5_000, period=PERIOD, seed=seed, format="csv"), directory)
    file = directory / "rules.yaml"
    document = file.read_text(encoding="utf-8")
    file.write_text(document.partition("pools:")[0] + pools if pools else document, encoding="utf-8")
    (directory / "drivers.csv").write_text(measurements(directory), encoding="utf-8")
    judge = SqlAllocation(directory, yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader))
    return judge, allocated(judge, directory), legs


def measurements(directory: Path) -> str:
    """Quantities of two metrics: some are zero, one is nobody's, and every sixth cost center has no gigabytes."""
    rows = ["metric,subject,quantity"]
    for i, center in enumerate(read(directory / "cost-centers.csv")):
        subject = center["cost_center_id"]
        rows += [f"spans,{subject},{i * i * 7 % 31}"]
        rows += [f"gigabytes,{subject},{i % 5}.{i * 37 % 1000:03}"] if i % 6 != 4 else []
    return "\n".join([*rows, "spans,stray,12"]) + "\n"


def read(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def drivers_of(directory: Path) -> Drivers:
    june = Window.of_month(PERIOD)
    return Drivers.of(
        (row["metric"], Measurement(row["subject"], Decimal(row["quantity"]), june))
        for row in read(directory / "drivers.csv")
    )


def allocated(judge: SqlAllocation, directory: Path) -> Lines:
    loaded = load(load_bundle(directory / "rules.yaml"))
    names = tuple(dict.fromkeys((*GRAIN, *dimensions_used(loaded.rule_set))))
    picked = ", ".join(
        dimension({"tag": name.removeprefix("tag:")} if name.startswith("tag:") else {"column": name}) for name in names
    )
    rows = judge.db.execute(
        f"SELECT {picked}, sum(BilledCost::DECIMAL(38,18)), sum(EffectiveCost::DECIMAL(38,18)), count(*) "
        "FROM charges GROUP BY ALL"
    ).fetchall()
    buckets = Buckets(PERIOD, names, [Bucket(tuple(row[:-3]), *row[-3:]) for row in rows])
    found: Lines = {}
    for line in allocate(buckets, loaded.rule_set, loaded.cost_centers, drivers_of(directory)):
        flow, path = line.flow, "".join(f"{pool}/" for pool in line.flow.path)
        part = "|".join(value or "-" for _, value in flow.partition)
        key = (flow.currency, line.cost_center, flow.rule_id, path, part, flow.leg, *flow.origin)
        found[key] = (to_units(line.billed_cost), to_units(line.effective_cost))
    return found


def test_every_line_is_the_same_to_the_last_digit(month: tuple[SqlAllocation, Lines, set[str]]) -> None:
    judge, lines, legs = month

    assert judge.run() == lines
    entered = {path.split("/")[0] for _, _, _, path, *_ in lines}
    assert entered > {"network", "kubernetes", "taxes", "credits", "support"}
    assert {leg for _, _, _, _, _, leg, *_ in lines} == legs


@pytest.mark.parametrize("amount", [0, 1, -1, 7, 10**9, -(10**18) - 1, 3 * 10**35 + 17])
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 10**27 + 9, 3 * 10**27), (35, 15, 50), (70, -31, 2)])
def test_long_division_in_sql_is_that_of_the_textbook(amount: int, weights: tuple[int, ...]) -> None:
    """The judge is judged: floors and largest remainders in Python's unbounded integers."""
    whole, sign = sum(weights), -1 if amount < 0 else 1
    quotas = [divmod(abs(amount) * weight, whole) for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-quotas[i][1], i))
    unplaced = abs(amount) - sum(floor for floor, _ in quotas)
    expected = [sign * (floor + (order.index(i) < unplaced)) for i, (floor, _) in enumerate(quotas)]

    assert parts_in_sql(amount, weights) == expected


def parts_in_sql(amount: int, weights: tuple[int, ...]) -> list[int]:
    with duckdb.connect() as db:
        db.execute(
            f"CREATE TABLE held AS SELECT 1 AS n, 'USD' AS BillingCurrency, '' AS part, {amount}::HUGEINT AS billed"
        )
        db.execute(
            "CREATE TABLE weights (BillingCurrency VARCHAR, part VARCHAR, kind VARCHAR, id VARCHAR, leg VARCHAR, "
            "weight HUGEINT, whole HUGEINT, fits BOOLEAN)"
        )
        for i, weight in enumerate(weights):
            row = [str(i), weight, sum(weights)]
            db.execute("INSERT INTO weights VALUES ('USD', '', 'cost_center', ?, '', ?, ?, true)", row)
        found = db.execute(f"SELECT amount FROM ({split_all('billed', of_rules=True)}) ORDER BY id").fetchall()
        return [row[0] for row in found]
