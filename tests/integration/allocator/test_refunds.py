"""Refunds follow the newest run of the month of their charge, wait for it, and are restated with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.integration.allocator.month import REFUNDED, RULES, apply, bundle
from tests.integration.allocator.world import World

DECEMBER = "2025-12"


def charge(cost: str, team: str = "", **more: str) -> dict[str, Any]:
    return {
        "BilledCost": cost, "EffectiveCost": cost, "BillingCurrency": "USD", "InvoiceIssuerName": "Provider",
        "InvoiceId": "inv", "ServiceProviderName": "Provider", "ServiceName": "s", "BillingAccountId": "b1",
        "SubAccountId": "a1", "ChargeCategory": "Usage", "Tags": {"team": team} if team else {},
    } | more  # fmt: skip


async def test_a_refund_waits_for_the_run_of_its_month_follows_it_and_is_restated_with_it(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http, REFUNDED)
    refund = charge("-8", ChargeClass="Correction", ChargePeriodStart="2025-12-07T00:00:00Z")
    await world.deliver([refund, charge("500", "CC-3")])
    await world.waits(allocator, "charge_month 2025-12, SubAccountId a1: that is no earlier month with an allocation")

    await world.deliver([charge("30", "CC-1"), charge("10", "CC-2")], billing_period=DECEMBER)
    december = await world.run_of(allocator, lambda run: True, DECEMBER)
    january = await world.run_of(allocator, lambda run: True)
    assert january["earlier_runs"] == {DECEMBER: december["run_id"]}
    first = await allocator.http.get("/v1/allocations", params={"period": "2026-01"})
    shares = {line["cost_center"]: line["billed_cost"] for line in first.json()["allocations"] if line.get("path")}
    assert {name: Decimal(amount) for name, amount in shares.items()} == {"CC-1": -6, "CC-2": -2}

    question = {"billing_period": "2026-01", "rules": bundle(RULES).as_json()}
    tried = (await allocator.http.post("/v1/simulations", json=question)).json()
    was = {one["cost_center"]: one["before"] for one in tried["cost_centers"]}
    assert {name: Decimal(amount) for name, amount in was.items()} == {"CC-1": -6, "CC-2": -2, "CC-3": 500}

    await world.deliver([charge("20", "CC-2")], billing_period=DECEMBER)
    again = await world.run_of(allocator, lambda run: run["run_id"] != january["run_id"])
    december = await world.run_of(allocator, lambda run: run["run_id"] != december["run_id"], DECEMBER)
    (line,) = [
        one for one in (await allocator.http.get("/v1/allocations", params={"period": "2026-01"})).json()["allocations"]
        if one["cost_center"] == "CC-2"
    ]  # fmt: skip
    assert Decimal(line["billed_cost"]) == -4
    explained = (await allocator.http.get(f"/v1/allocations/{line['allocation_id']}/explanation")).json()
    (step,) = explained["steps"]
    assert again["earlier_runs"] == {DECEMBER: december["run_id"]}
    assert step["split_as"] == {"billing_period": DECEMBER, "run_id": december["run_id"]}
    assert (step["partition"], step["share"]["ratio"]) == ({"charge_month": DECEMBER, "SubAccountId": "a1"}, "0.5")
