"""Everything on new topics again, from database and archive: the same events, whoever reads them."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

from shared import topic_admin
from shared.events import CostEvent, Delivery
from tests.integration.intake.world import World, effective, sums
from tests.unit.intake.exports import charge, write_csv

FEBRUARY = {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"}
Numbered = dict[tuple[str, int, int], CostEvent]


def numbered(events: dict[int, list[CostEvent]]) -> Numbered:
    return {(one.delivery_id, one.partition, one.sequence): one for some in events.values() for one in some}


def contents(events: Numbered) -> dict[str, list[tuple[object, ...]]]:
    found = defaultdict(list)
    for (delivery_id, partition, _), one in events.items():
        found[delivery_id].append((one.row_hash, one.occurrence, one.kind, partition, *one.flags))
    return {delivery_id: sorted(some) for delivery_id, some in found.items()}


def republish(world: World, **wanted: object) -> dict[str, int]:
    asked: dict[str, int] = world.http.post("/v1/republications", json=wanted).json()
    deadline = time.monotonic() + 60
    while (state := world.http.get("/v1/republications").json())["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert state["failed"] == []
    return asked


async def told_again(world: World) -> dict[str, Delivery]:
    """The records of all five deliveries; what was under way at the crash may be told more than once."""
    count = 5
    told: dict[str, Delivery] = {}
    while len(told) < 5:
        told = {one.delivery_id: one for one in await world.deliveries(count)}
        count += 1
    return told


async def deliver(world: World, tmp_path: Path) -> None:
    """A source that overwrites, over two months and with every kind of change, and one that appends."""
    before = [charge(n, ConsumedQuantity="9e-7", InvoiceId="") for n in range(30)] + [
        charge(1, ConsumedQuantity="1")
    ] * 3
    after = [charge(n, ConsumedQuantity="9e-7", InvoiceId="") for n in range(5, 33)]
    after.append(charge(1, ConsumedQuantity="1"))
    world.deliver("aws", write_csv(tmp_path / "a.csv", before))
    world.deliver("aws", write_csv(tmp_path / "b.csv", [charge(2, **FEBRUARY), charge(3), charge(3)]))
    world.deliver("aws", write_csv(tmp_path / "c.csv", after))
    for number in (1, 2):
        file = write_csv(tmp_path / f"{number}.csv", [charge(n) for n in range(number * 3)])
        world.deliver("gcp", file, style="append")
    (tmp_path / "invoices.csv").write_text(
        "issuer,invoice_id,billing_period,currency,amount\nCloud,P-1,2026-01,USD,10\n"
    )
    world.invoices(tmp_path / "invoices.csv")


async def test_new_topics_get_the_very_same_events(world: World, tmp_path: Path) -> None:
    world.start()
    await deliver(world, tmp_path)
    events, records = await world.events(), await world.deliveries(5)
    world.stop()

    world.prefix += "new."
    await topic_admin.apply(world.bootstrap, world.prefix)
    world.start(failpoint="intake.republished:3")
    world.http.post("/v1/republications", json={})
    world.died()
    world.start()
    assert republish(world) == {"deliveries": 5, "provider_invoices": 1, "holds": 0}

    again = await world.events()
    assert sums(effective(again)) == sums(events)
    assert numbered(again).keys() == numbered(events).keys()
    assert contents(numbered(again)) == contents(numbered(events))
    assert await told_again(world) == {one.delivery_id: one for one in records}
    one_month = {one.delivery_id for one in records if {total.billing_period for total in one.published} == {"2026-01"}}
    assert one_month
    for place, event in numbered(again).items():
        assert place[0] not in one_month or event == numbered(events)[place]
    assert len({invoice.invoice_id for invoice in await world.provider_invoices(1)}) == 1
    assert world.deliver("aws", tmp_path / "c.csv")["charges"] == 0


async def test_consumers_that_have_the_events_are_told_nothing_new(world: World, tmp_path: Path) -> None:
    world.start()
    await deliver(world, tmp_path)
    events = await world.events()
    assert republish(world, source="aws", periods=["2026-02"])["deliveries"] == 1
    assert republish(world)["deliveries"] == 5
    twice = await world.events()
    assert sum(map(len, twice.values())) > 2 * sum(map(len, events.values()))
    assert effective(twice) == events
