"""Everything on new topics again, from database and archive: the same events, whoever reads them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from services.intake import republishing
from shared.database import create_engine
from shared.events import CostEvent, Delivery
from tests.integration.intake.test_crashes import export
from tests.integration.intake.world import World, effective, stated, sums
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
        time.sleep(0.05)
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
    await world.prepare()
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


@pytest.mark.parametrize("same_names", [False, True])
async def test_a_delivery_cut_off_by_the_loss_of_its_topics_begins_anew(
    world: World, tmp_path: Path, same_names: bool
) -> None:
    files = export(tmp_path, "cut", 0)
    world.start(failpoint="intake.checkpointed")
    world.begin("aws", files)
    assert world.died() == signal.SIGKILL
    assert sum(map(len, (await world.events()).values())) > 0
    if same_names:
        await topics_lost(world)
    else:
        world.prefix += "new."
    await world.prepare()
    world.start()
    assert republish(world)["deliveries"] <= 1
    (record,) = {one.delivery_id: one for one in await world.deliveries(1)}.values()
    taken = effective(await world.events())
    assert stated(record.published) == sums(taken)
    assert sum(map(len, taken.values())) == sum(record.partition_events) > 0


async def topics_lost(world: World) -> None:
    """Delete all topics of a world and wait until they are gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(await mine(admin, world))
        deadline = time.monotonic() + 60
        while await mine(admin, world):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def mine(admin: AIOKafkaAdminClient, world: World) -> list[str]:
    return [name for name in await admin.list_topics() if name.startswith(world.prefix)]


async def test_what_is_being_published_is_published_again_when_it_is_complete(world: World, tmp_path: Path) -> None:
    world.start(failpoint="intake.checkpointed")
    delivery_id = world.begin("aws", export(tmp_path, "cut", 0))
    assert world.died() == signal.SIGKILL
    engine = create_engine(world.database_url, "test")
    async with engine.begin() as conn:
        assert (await republishing.ask(conn, world.prefix, None, set()))["deliveries"] == 1
    await engine.dispose()
    world.start()
    shown = world.finish(delivery_id)
    world.until(lambda: world.http.get("/v1/republications").json()["waiting"] == 0, "published again")
    events = await world.events()
    twice, before_the_checkpoint = 2 * shown["charges"], 8 * 8 - 1
    assert twice <= sum(map(len, events.values())) < twice + before_the_checkpoint, "first it went on from there"
    assert sums(effective(events)) == stated((await world.deliveries(2))[0].published)
