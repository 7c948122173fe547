"""The commands against a running allocator."""

from __future__ import annotations

import asyncio
import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apportion.cli import app
from tests.integration.allocator.month import BY_TAG, CENTERS, REFUNDED, RULES, apply, costs
from tests.integration.allocator.world import PERIOD, Process, World
from tests.stack.waiting import until
from tests.unit.allocator.archive import charge, write_archive

HEADER = "metric,subject,quantity,unit,window_start,window_end\n"


@pytest.fixture
async def allocator(world: World, monkeypatch: pytest.MonkeyPatch) -> Process:
    process = await world.start()
    monkeypatch.setenv("APPORTION_ALLOCATOR_URL", str(process.http.base_url))
    return process


async def call(*arguments: object) -> tuple[int, str]:
    result = await asyncio.to_thread(CliRunner().invoke, app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


async def test_measurements_are_loaded_listed_corrected_and_withdrawn(allocator: Process, tmp_path: Path) -> None:
    file = tmp_path / "drivers.csv"
    listing = ("drivers", "list", "--metric", "gb", "--period", PERIOD, "--json")

    async def listed(wanted: list[tuple[str, str]]) -> None:
        async def look() -> bool | None:
            rows: list[dict[str, Any]] = json.loads((await call(*listing))[1])
            return [(row["subject"], row["quantity"]) for row in rows] == wanted or None

        await until(look, f"measurements {wanted}")

    file.write_text(HEADER + "gb,CC-1,1.5,GB,2026-01-01,2026-02-01\ngb,CC-2,2,GB,2026-01-01,2026-02-01\n")
    assert await call("drivers", "load", file) == (0, "2 measurements published, 0 were known already\n")
    await listed([("CC-1", "1.5"), ("CC-2", "2")])
    file.write_text(file.read_text().replace("1.5", "3"))
    assert await call("drivers", "load", file) == (0, "1 measurements published, 1 were known already\n")
    await listed([("CC-1", "3"), ("CC-2", "2")])
    (metric,) = json.loads((await call("drivers", "metrics", "--json"))[1])
    assert (metric["metric"], metric["unit"], metric["subjects"]) == ("gb", "GB", 2)

    assert (await call("drivers", "load", file, "--withdraw"))[0] == 0
    await listed([])


async def test_a_wrong_file_loads_nothing(allocator: Process, tmp_path: Path) -> None:
    file = tmp_path / "drivers.csv"
    file.write_text(HEADER + "gb,CC-1,1,GB,2026-01-01,2026-02-01\ngb,CC-2,-1,GB,2026-01-01,2026-02-01\n")

    code, said = await call("drivers", "load", file)

    assert code == 2
    assert "drivers.csv:3: quantity '-1' is not a number from 0 on" in said
    assert json.loads((await call("drivers", "metrics", "--json"))[1]) == []


async def test_rules_are_applied_by_two_people_compared_with_those_in_force_and_measured(
    world: World, allocator: Process, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    (tmp_path / "cost-centers.csv").write_text(CENTERS)

    code, said = await call("rules", "apply", file, "--applied-by", "ann", "--approved-by", "Ann")
    assert (code, "somebody else has to approve it" in said) == (3, True)
    assert (await call("rules", "apply", file, "--applied-by", "ann", "--approved-by", "ben"))[0] == 0
    assert await call("rules", "diff", file) == (0, "no difference\n")
    (tmp_path / "cost-centers.csv").write_text(CENTERS.replace("ann", "amy"))
    assert await call("rules", "diff", file) == (
        0,
        'cost-centers.csv:\n  ~ CC-1: {"owner": "ann"} -> {"owner": "amy"}\n',
    )
    first = await apply(allocator.http)
    assert await call("rules", "diff", first[:12], file) == await call("rules", "diff", file)

    await world.deliver(costs(12))
    await world.run_of(allocator, lambda run: True)
    code, said = await call("kpis", PERIOD)
    assert (code, "3 of 3 rules matched something" in said, "carries" in said) == (0, True, False)
    before = (await apply(allocator.http, BY_TAG))[:12]
    await world.run_of(allocator, lambda run: run["rule_set_version"].startswith(before))
    code, said = await call("kpis", PERIOD)
    assert (code, "team" in said, "cost that carries it" in said) == (0, True, True)


async def test_a_month_as_focus_splits_refunds_as_the_run_did_whose_earlier_months_it_asks_for(
    world: World, allocator: Process, tmp_path: Path
) -> None:
    refund = charge("-8", ChargeClass="Correction", SubAccountId="a1", day="2025-12-07", billing_period=PERIOD)
    delivered = charge("-8", ChargeClass="Correction", SubAccountId="a1", ChargePeriodStart="2025-12-07T00:00:00Z")
    charged = [charge(cost, tags={"team": team}, SubAccountId="a1") for cost, team in (("30", "CC-1"), ("10", "CC-2"))]
    await apply(allocator.http, REFUNDED)
    await world.deliver([_as_event(one) for one in charged], billing_period="2025-12")
    await world.run_of(allocator, lambda run: True, "2025-12")
    await world.deliver([_as_event(delivered)])
    await world.run_of(allocator, lambda run: True)

    archive, target = write_archive(tmp_path / "archive", [refund]), tmp_path / "january.csv"
    code, said = await call("allocations", PERIOD, "--focus", archive, "--out", target)

    assert code == 0, said
    with target.open(newline="") as file:
        rows = {row["x_CostCenter"]: Decimal(row["BilledCost"]) for row in csv.DictReader(file)}
    assert rows == {"": Decimal(0), "CC-1": Decimal(-6), "CC-2": Decimal(-2)}


def _as_event(row: dict[str, Any]) -> dict[str, Any]:
    """An archived row as the charge of an event."""
    texts = {name: str(value) for name, value in row.items() if value is not None and name[0].isupper()}
    return texts | {"Tags": json.loads(row["Tags"] or "{}")}
