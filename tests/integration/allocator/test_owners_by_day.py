"""A team that moves on the 17th is billed by both, and the days are collected when rules first ask for them."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from tests.integration.allocator.month import apply, costs
from tests.integration.allocator.world import World

BY_DAY = """
name: small
effective_from: 2026-01
basis: EffectiveCost
cost_centers: centers.csv
rules:
  - {id: end, when: {column: ChargePeriodStart, above: 2026-01-30}, assign: {cost_center: CC-3}}
  - {id: month, when: {column: BillingPeriodStart, equals: 2026-02-01}, assign: {cost_center: CC-3}}
  - {id: by-tag, assign: {tag: team}}
fallback: {suspense: true}
"""
CENTERS = "cost_center_id,name,valid_to,successor\nCC-1,One,2026-01-16,CC-2\nCC-2,Two,,\nCC-3,Three,,\n"


async def test_each_charge_belongs_to_the_owner_of_its_day(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    tagged = [charge for charge in costs(140) if charge["Tags"].get("team") == "CC-1"]
    charges = [
        charge | {"ChargePeriodStart": f"2026-01-{day:02}T00:00:00Z", "BillingPeriodStart": "2026-01-01T00:00:00Z"}
        for charge, day in zip(tagged, [*range(1, 20), 30, 31], strict=False)
    ]
    await world.deliver(charges)
    await world.run_of(allocator, lambda run: True)

    body = {"document": BY_DAY, "files": {"centers.csv": CENTERS}, "applied_by": "ann", "approved_by": "bob"}
    response = await allocator.http.post("/v1/rule-sets", json=body)
    assert response.status_code == 201, response.text
    version = response.json()["version"]
    run = await world.run_of(allocator, lambda run: run["rule_set_version"] == version)

    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in (await world.published_lines(run)).values():
        found[line.cost_center] += Decimal(line.effective_cost)
    days = {"CC-1": ("01", "16"), "CC-2": ("17", "30"), "CC-3": ("31", "31")}
    assert found == {
        name: sum(Decimal(one["EffectiveCost"]) for one in charges if first <= one["ChargePeriodStart"][8:10] <= last)
        for name, (first, last) in days.items()
    }
