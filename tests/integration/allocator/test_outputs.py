"""What others make of the allocations: the example view, simulations, explanations and exported lines."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from services.allocator.commands.allocations import LINES, write_lines
from shared import topics
from shared.events import Allocation
from tests.integration.allocator.month import RULES, apply, bundle, costs
from tests.integration.allocator.world import PERIOD, ROOT, World

VIEW = ROOT / "examples" / "allocation-view" / "view.py"


async def test_the_example_view_follows_corrections_and_comes_back_where_it_stood(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(20))
    first = await world.run_of(allocator, lambda run: True)
    lines = await world.published_lines(first)
    assert await viewed(world) == sums(lines.values())

    credit = costs(4)[3]
    await world.deliver([credit | {"EffectiveCost": "-" + credit["EffectiveCost"], "BilledCost": "-1"}])
    second = await world.run_of(allocator, lambda run: run["run_id"] != first["run_id"])
    lines = await world.published_lines(second)

    assert await viewed(world) == sums(lines.values())
    assert await viewed(world) == sums(lines.values())


async def test_a_simulation_of_the_buckets_is_what_applying_would_do(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs())
    first = await world.run_of(allocator, lambda run: True)
    changed = RULES.replace("proportional, targets: all, when_zero: even", "weighted, targets: {CC-1: 5, CC-3: 1}")
    question = {"billing_period": PERIOD, "rules": bundle(changed).as_json()}

    answer = await allocator.http.post("/v1/simulations", json=question)
    before = await world.published_lines(first)
    await apply(allocator.http, changed)
    second = await world.run_of(allocator, lambda run: run["run_id"] != first["run_id"])
    after = await world.published_lines(second)

    assert answer.status_code == 200, answer.text
    said = {
        (one["cost_center"]): (Decimal(one["before"]), Decimal(one["after"])) for one in answer.json()["cost_centers"]
    }
    was, becomes = sums(before.values()), sums(after.values())
    assert said == {name: (was.get(name, Decimal(0)), becomes.get(name, Decimal(0))) for name in was | becomes}
    assert {total["total"] for total in answer.json()["totals"]} == {first["totals"][0]["cost_effective"]}

    uncollected = bundle(RULES.replace("{column: SubAccountId, equals: a1}", "{tag: owner, equals: a1}")).as_json()
    refused = await allocator.http.post("/v1/simulations", json={"billing_period": PERIOD, "rules": uncollected})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "dimensions-missing")
    assert "--archive" in refused.json()["error"]["message"]
    nothing = await allocator.http.post("/v1/simulations", json=question | {"billing_period": "2026-05"})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "costs-missing")


async def test_a_line_is_explained_and_so_is_a_cost_center(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs())
    lines = await world.published_lines(await world.run_of(allocator, lambda run: True))
    shared = next(line for line in lines.values() if line.path)

    found = (await allocator.http.get(f"/v1/allocations/{shared.allocation_id}/explanation")).json()
    (step,) = found["steps"]
    summary = (await allocator.http.get("/v1/explanations", params={"period": PERIOD, "cost_center": "CC-1"})).json()

    assert (step["pool"], step["method"], step["to"]) == ("shared", shared.method, shared.cost_center)
    taken = sum(Decimal(taker["effective_cost"]) for taker in step["takers"])
    assert taken == Decimal(step["held_of_origin"]["effective_cost"]) == Decimal(found["given"]["effective_cost"])
    assert sum(Decimal(entry["amount"]) for entry in summary["entries"]) == sums(lines.values())["CC-1"]
    missing = await allocator.http.get("/v1/allocations/nothing/explanation")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown-allocation")


async def test_lines_are_written_as_files_with_every_digit(world: World, tmp_path: Path) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(20))
    lines = await world.published_lines(await world.run_of(allocator, lambda run: True))
    answered: list[dict[str, Any]] = (
        await allocator.http.get("/v1/allocations", params={"period": PERIOD, "limit": 10_000})
    ).json()["allocations"]

    for name in ("lines.csv", "lines.parquet"):
        assert write_lines(answered, tmp_path / name) == len(lines)

    with (tmp_path / "lines.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "lines.parquet")
    assert table.column_names == list(rows[0]) == [column.name for column in LINES]
    assert {row["allocation_id"]: Decimal(row["effective_cost"]) for row in rows} == {
        line.allocation_id: line.effective_cost for line in lines.values()
    }
    assert sum(table.column("effective_cost").to_pylist()) == sum(line.effective_cost for line in lines.values())


async def viewed(world: World) -> dict[str, Decimal]:
    """What the example prints at the end of the topic."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, VIEW, "--bootstrap", world.bootstrap, "--topic", world.prefix + topics.ALLOCATIONS.name,
        "--db", world.directory / "view.sqlite", "--once",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    rows = [line.split() for line in printed.decode().splitlines()]
    return {cost_center: Decimal(amount) for _, cost_center, amount, _ in rows}


def sums(lines: Iterable[Allocation]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        found[line.cost_center] += line.effective_cost
    return dict(found)
