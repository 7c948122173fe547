"""A rule set is tried on the open months before it comes into force."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.allocator import trying
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.loading import load
from services.allocator.trying import NotConserved, try_on_open_months
from shared.database import create_engine
from tests.integration.allocator.month import RULES, apply, bundle, costs
from tests.integration.allocator.world import PERIOD, World

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

    monkeypatch.setattr(trying, "allocate", lose_a_cent)
    engine = create_engine(world.database_url, "test")
    with pytest.raises(NotConserved, match=f"{PERIOD}: invoice USD Provider inv-0.*the one in force stays"):
        await try_on_open_months(engine, load(bundle(RULES)))
    await engine.dispose()
