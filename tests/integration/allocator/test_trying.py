"""A rule set is tried on the open months before it comes into force."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.allocator import applying, runs, trying
from services.allocator.domain.allocate import allocate_assigned
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.domain.lines import Line
from services.allocator.loading import load
from services.allocator.runs import Runner
from services.allocator.store import allocations
from services.allocator.trying import NotConserved, TriedPlans, try_on_open_months
from services.allocator.turns import OneMonth
from shared.database import create_engine
from shared.events import AllocationRun, decode
from tests.integration.allocator.month import RULES, allocated, apply, bundle, costs
from tests.integration.allocator.world import PERIOD, World
from tests.stack.waiting import until

CHANGED = RULES.replace(
    "method: proportional, targets: all, when_zero: even", "method: weighted, targets: {CC-1: 3, CC-2: 1}"
)
FAILING = RULES.replace("proportional, targets: all, when_zero: even", "driver, driver: requests, targets: all")


async def test_a_month_that_would_be_held_is_named_and_keeps_its_allocations(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(20))
    first = await world.run_of(allocator, lambda run: True)

    people = {"applied_by": "ann", "approved_by": "bob"}
    answer = await allocator.http.post("/v1/rule-sets", json=bundle(FAILING).as_json() | people)

    assert answer.status_code == 201, answer.text
    (held,) = answer.json()["held"]
    assert held["billing_period"] == PERIOD
    assert "pool 'shared', USD" in held["reason"]
    assert "requests" in held["reason"]
    await world.waits(allocator, "requests")
    runs = (await allocator.http.get("/v1/runs", params={"period": PERIOD})).json()["runs"]
    assert [run["run_id"] for run in runs] == [first["run_id"]]

    fine = await allocator.http.post("/v1/rule-sets", json=bundle(RULES).as_json() | people)
    assert fine.json()["held"] == []


async def test_what_does_not_add_up_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(20))
    await world.run_of(allocator, lambda run: True)

    def lose_a_cent(*_: object) -> None:
        raise ConservationBroken("invoice USD Provider inv-0", (Decimal(1), Decimal(1)), (Decimal(0), Decimal(1)))

    monkeypatch.setattr(trying, "allocate_assigned", lose_a_cent)
    engine = create_engine(world.database_url, "test")
    with pytest.raises(NotConserved, match=f"{PERIOD}: invoice USD Provider inv-0.*the one in force stays"):
        await try_on_open_months(engine, load(bundle(CHANGED)))
    await engine.dispose()


async def test_the_run_after_a_trial_is_made_of_its_lines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = await _with_a_first_run(world)
    tried = TriedPlans()
    await applying.apply(engine, world.prefix, bundle(CHANGED), "ann", "bob", tried, OneMonth())
    assert tried.billing_periods == {PERIOD}

    monkeypatch.setattr(runs, "allocate_assigned", _no_more)
    await Runner(engine, world.prefix, tried, OneMonth()).attempt(PERIOD)

    run = await _newest(engine)
    assert run.rule_set_version == bundle(CHANGED).version
    assert await _lines(engine) == {line.allocation_id for line in allocated(costs(20), CHANGED)}
    assert not tried.billing_periods
    await engine.dispose()


async def test_a_run_of_other_inputs_than_the_trial_is_made_anew(world: World) -> None:
    engine = await _with_a_first_run(world)
    tried = TriedPlans()
    await applying.apply(engine, world.prefix, bundle(CHANGED), "ann", "bob", tried, OneMonth())
    await applying.apply(engine, world.prefix, bundle(RULES), "ann", "bob", TriedPlans(), OneMonth())

    await applying.apply(engine, world.prefix, bundle(CHANGED + "# again\n"), "ann", "bob", TriedPlans(), OneMonth())
    await Runner(engine, world.prefix, tried, OneMonth()).attempt(PERIOD)

    assert (await _newest(engine)).rule_set_version == bundle(CHANGED + "# again\n").version
    assert not tried.billing_periods
    await engine.dispose()


async def test_what_the_newest_run_was_made_by_is_not_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await _with_a_first_run(world)

    monkeypatch.setattr(trying, "allocate_assigned", _no_more)
    trial = await try_on_open_months(engine, load(bundle(RULES)))

    assert (trial.held, trial.plans) == ([], [])
    with pytest.raises(AssertionError, match="allocated once more"):
        await try_on_open_months(engine, load(bundle(CHANGED)))
    await engine.dispose()


async def test_what_was_tried_is_forgotten_when_another_process_made_the_run(world: World) -> None:
    engine = await _with_a_first_run(world)
    tried = TriedPlans()
    await applying.apply(engine, world.prefix, bundle(CHANGED), "ann", "bob", tried, OneMonth())
    await Runner(engine, world.prefix, TriedPlans(), OneMonth()).attempt(PERIOD)

    idle = asyncio.create_task(Runner(engine, world.prefix, tried, OneMonth()).run())

    async def forgotten() -> bool | None:
        return not tried.billing_periods or None

    await until(forgotten, "what was tried is forgotten")
    idle.cancel()
    await asyncio.gather(idle, return_exceptions=True)
    await engine.dispose()


async def test_trials_and_runs_take_turns_to_hold_a_month(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, one_month = await _with_a_first_run(world), OneMonth()
    others_wait = []

    def noting(*given: Any) -> list[Line]:
        others_wait.append(one_month.locked())
        return allocate_assigned(*given)

    monkeypatch.setattr(trying, "allocate_assigned", noting)
    monkeypatch.setattr(runs, "allocate_assigned", noting)
    await applying.apply(engine, world.prefix, bundle(CHANGED), "ann", "bob", TriedPlans(), one_month)
    await Runner(engine, world.prefix, TriedPlans(), one_month).attempt(PERIOD)

    assert (others_wait, one_month.locked()) == ([True, True], False)
    await engine.dispose()


def _no_more(*_: object) -> None:
    raise AssertionError("allocated once more")


async def _with_a_first_run(world: World) -> AsyncEngine:
    """A month with a run by `RULES`, and no process any more that would make another one."""
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(20))
    await world.run_of(allocator, lambda run: True)
    await world.settled(allocator)
    allocator.kill()
    return create_engine(world.database_url, "test")


async def _newest(engine: AsyncEngine) -> AllocationRun:
    async with engine.connect() as conn:
        found = await allocations.latest_run(conn, PERIOD)
    assert found is not None
    return decode(AllocationRun, found[1])


async def _lines(engine: AsyncEngine) -> set[str]:
    """The ids of the live lines."""
    async with engine.connect() as conn:
        return {name for name, _ in await allocations.page(conn, PERIOD, None, 1_000, "")}
