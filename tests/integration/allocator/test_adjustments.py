"""What comes for a closed month becomes adjustments: real processes, Kafka and PostgreSQL."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from shared.database import create_engine
from shared.events import Allocation
from tests.integration.allocator.month import BY_TAG, RULES, apply, costs, expected, facts
from tests.integration.allocator.test_commands import call
from tests.integration.allocator.test_drivers_restate import BY_GB, post, received
from tests.integration.allocator.world import PERIOD, Process, World
from tests.stack.waiting import until

CLOSE = "2026-01-1"


async def close(world: World, allocator: Process, deliveries: list[str]) -> dict[str, Any]:
    """Close the month; its final run."""
    await world.period(1, "closing", CLOSE, deliveries)
    final = await world.run_of(allocator, lambda run: run["kind"] == "final")
    await world.period(2, "closed", CLOSE)
    return final


async def adjustments(allocator: Process, wanted: int) -> list[dict[str, Any]]:
    """The month's adjustments, once there are as many and nothing waits any more."""

    async def look() -> list[dict[str, Any]] | None:
        assert allocator.popen.poll() is None, allocator.tail()
        found = (await allocator.http.get("/v1/adjustments", params={"period": PERIOD})).json()
        waiting = (await allocator.http.get("/v1/runs", params={"period": PERIOD})).json()["waiting"]
        assert len(found["adjustments"]) <= wanted, found
        return found["adjustments"] if len(found["adjustments"]) == wanted and not waiting else None

    return await until(look, f"{wanted} adjustments; {allocator.tail()}")


def in_all(final: dict[str, Allocation], adjusting: dict[str, Allocation]) -> set[tuple[str, Decimal, Decimal]]:
    """What `facts` says, of final lines and all that adds to them."""
    sums = {key: (line.billed_cost, line.effective_cost) for key, line in final.items()}
    for line in adjusting.values():
        billed, effective = sums.get(str(line.adjusts), (Decimal(0), Decimal(0)))
        sums[str(line.adjusts)] = billed + line.billed_cost, effective + line.effective_cost
    return {(key, billed, effective) for key, (billed, effective) in sums.items() if billed or effective}


async def explained(allocator: Process, lines: dict[str, Allocation], cost_center: str) -> dict[str, Any]:
    """Why a cost center's largest line of an adjustment: before and after it differ by what the line says."""
    mine = (line for line in lines.values() if line.cost_center == cost_center)
    line = max(mine, key=lambda line: abs(line.effective_cost))
    response = await allocator.http.get(f"/v1/allocations/{line.allocation_id}/explanation")
    assert response.status_code == 200, response.text
    said: dict[str, Any] = response.json()
    before, after = (Decimal(said[side]["line"]["effective_cost"]) for side in ("before", "after"))
    assert after - before == line.effective_cost != 0
    return said


def negated(charge: dict[str, Any]) -> dict[str, Any]:
    return charge | {name: format(-Decimal(charge[name]), "f") for name in ("BilledCost", "EffectiveCost")}


async def test_late_cost_of_a_closed_month_is_added_once_by_the_rules_of_its_time(world: World) -> None:
    allocator = await world.start()
    version = await apply(allocator.http)
    charges, late = costs(30), costs(50)[30:]
    delivery = await world.deliver(charges)
    final = await close(world, allocator, [delivery.delivery_id])
    booked = await world.published_lines(final)

    first = await world.deliver(late)
    (one,) = await adjustments(allocator, 1)
    assert (one["number"], one["deliveries"], one["rule_set_version"]) == (1, [first.delivery_id], version)
    (total,) = one["totals"]
    assert total["events"] == len(late)
    assert Decimal(total["cost_effective"]) == sum(Decimal(charge["EffectiveCost"]) for charge in late)
    lines = await world.adjusting_lines([one])
    assert in_all(booked, lines) == expected([*charges, *late])
    said = await explained(allocator, lines, "CC-1")
    assert (said["adjustment"]["deliveries"], said["adjustment"]["number"]) == ([first.delivery_id], 1)
    assert (said["rule"]["file"], said["rule"]["version"]) == ("rules.yaml", version)

    taken_back = [negated(late[3])]
    await world.deliver(taken_back)
    both = await adjustments(allocator, 2)
    lines = await world.adjusting_lines(both)
    assert in_all(booked, lines) == expected([*charges, *late, *taken_back])
    assert Decimal(both[1]["totals"][0]["cost_billed"]) == -Decimal(late[3]["BilledCost"])

    await apply(allocator.http, BY_TAG)
    await world.deliver([])
    await adjustments(allocator, 2)
    assert facts(await world.published_lines(final)) == expected(charges), "the final run stays as it was"
    assert [run.run_id for run in await world.published_adjustments(2)] == [run["run_id"] for run in both]

    newcomer = await world.start()

    async def shown() -> bool | None:
        said = (await newcomer.http.get("/metrics")).text
        return 'apportion_allocator_adjustments{period="2026-01"} 2.0' in said or None

    await until(shown, "the gauges of a process that made no adjustment show them")


async def test_a_driver_corrected_after_the_close_moves_cost_and_adds_none(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http, BY_GB)
    await post(allocator, {"CC-1": "1", "CC-2": "3"})
    delivery = await world.deliver(costs(12))
    final = await close(world, allocator, [delivery.delivery_id])
    before = received(await world.published_lines(final))

    await post(allocator, {"CC-1": "3", "CC-2": "1"})
    (one,) = await adjustments(allocator, 1)

    assert one["deliveries"] == []
    assert {total["cost_billed"] for total in one["totals"]} == {"0"}
    moved = received(await world.adjusting_lines([one]))
    assert moved["CC-1"] == -moved["CC-2"] != 0
    assert before["CC-1"] + moved["CC-1"] == before["CC-2"]
    said = await explained(allocator, await world.adjusting_lines([one]), "CC-1")
    assert (said["adjustment"]["deliveries"], said["given"]["billed_cost"]) == ([], "0")
    (was,), (now,) = (said[side]["steps"] for side in ("before", "after"))
    assert [step["drivers"][0]["measured"]["quantity"] for step in (was, now)] == ["1", "3"]
    assert [step["share"]["ratio"] for step in (was, now)] == ["0.25", "0.75"]

    await post(allocator, {"CC-1": "1", "CC-2": "3"})
    both = await adjustments(allocator, 2)
    assert set(received(await world.adjusting_lines(both)).values()) == {Decimal(0)}


async def test_a_delivery_that_comes_while_the_month_closes_is_an_adjustment(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    charges, late = costs(12), costs(16)[12:]
    delivery = await world.deliver(charges)
    await world.period(1, "closing", CLOSE, [delivery.delivery_id])
    final = await world.run_of(allocator, lambda run: run["kind"] == "final")
    await world.deliver(late)
    await world.settled(allocator)

    await world.period(2, "closed", CLOSE)

    lines = await world.adjusting_lines(await adjustments(allocator, 1))
    assert in_all(await world.published_lines(final), lines) == expected([*charges, *late])


async def test_late_cost_that_can_not_be_split_waits_and_says_why(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http, RULES.replace("when_zero: even", "when_zero: fail"))
    charges = [charge | {"SubAccountId": "a1"} for charge in costs(9)[1:]]
    delivery = await world.deliver(charges)
    await close(world, allocator, [delivery.delivery_id])

    await world.deliver([*(negated(charge) for charge in charges), costs(10)[9]])
    assert "nothing to split by" in await world.waits(allocator, "pool 'shared'")

    await world.deliver(charges)
    (one,) = await adjustments(allocator, 1)
    assert len(one["deliveries"]) == 2


async def test_a_closed_month_without_its_final_run_waits(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.period(2, "closed", CLOSE)
    await world.deliver(costs(3))

    assert "the final run of its close 2026-01-1 is not in this database" in await world.waits(allocator, "restore it")


async def test_an_adjustment_that_is_not_the_late_cost_ends_the_process_and_publishes_nothing(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    delivery = await world.deliver(costs(12))
    await close(world, allocator, [delivery.delivery_id])
    engine = create_engine(world.database_url, "test")
    lost = "(SELECT allocation_id FROM allocator.allocations WHERE live ORDER BY allocation_id LIMIT 1)"
    async with engine.begin() as conn:
        await conn.execute(text(f"DELETE FROM allocator.allocations WHERE allocation_id = {lost}"))

    await world.deliver(costs(16)[12:])

    async def ended() -> int | None:
        return allocator.popen.poll()

    assert await until(ended, "the process ends") == 70
    assert "late cost in USD" in allocator.log.read_text()
    async with engine.connect() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM allocator.adjustments")) == 0
    await engine.dispose()


async def test_the_command_shows_adjustments_and_their_lines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = await world.start()
    monkeypatch.setenv("APPORTION_ALLOCATOR_URL", str(allocator.http.base_url))
    await apply(allocator.http)
    delivery = await world.deliver(costs(12))
    await close(world, allocator, [delivery.delivery_id])
    assert (await call("adjustments"))[1] == "no closed month has been adjusted\n"
    await world.deliver(costs(20)[12:])
    (one,) = await adjustments(allocator, 1)

    shown = json.loads((await call("adjustments", PERIOD, "--json"))[1])
    only = json.loads((await call("adjustments", PERIOD, "--cost-center", "CC-2", "--json"))[1])

    assert [run["run_id"] for run in shown["adjustments"]] == [one["run_id"]]
    assert len(shown["lines"]) == one["totals"][0]["lines"]
    assert {line["cost_center"] for line in only["lines"]} == {"CC-2"}
    assert [run["run_id"] for run in json.loads((await call("adjustments", "--json"))[1])["adjustments"]] == [
        one["run_id"]
    ]
    code, said = await call("adjustments", PERIOD)
    assert code == 0
    assert "CC-2" in said
