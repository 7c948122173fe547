"""Held deliveries and deliveries that tell no period: they keep a month open until somebody has decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Literal

import msgspec
import pytest
from sqlalchemy import text

from shared import topics
from shared.database import create_engine
from shared.events import DeliveredScope, Delivery, DeliveryHold, HoldReason, RejectedRows
from tests.integration.ledger import story
from tests.integration.ledger.world import PERIOD, World
from tests.stack.waiting import until


def hold(
    revision: int, state: Literal["held", "resumed", "superseded", "cancelled"], *periods: str, by: str | None = None
) -> tuple[str, DeliveryHold]:
    """What intake tells about delivery d2, with its key."""
    record = DeliveryHold(
        delivery_id="d2", source="export", ordinal=2, revision=revision, state=state, since="2026-02-01T00:00:00",
        reasons=[HoldReason(code="shrunk", message="half is gone")], superseded_by=by,
        scopes=[DeliveredScope(billing_account_id="A", billing_period=period) for period in periods],
    )  # fmt: skip
    return "d2", record


def unchanged(delivery_id: str, ordinal: int) -> tuple[str, Delivery]:
    """A delivery that publishes nothing new, with its key."""
    nothing = msgspec.structs.replace(
        story.delivery(delivery_id, ordinal), published=[], partition_events=[0, 0], charges=0
    )
    return delivery_id, nothing


async def blocked_by(world: World) -> list[str]:
    await world.close()
    return [one["code"] for one in (await world.reaches("blocked"))["breaks"]]


async def waits_for(world: World, words: str) -> None:
    async def look() -> dict[str, Any] | None:
        found = await world.period()
        assert found["state"] == "closing", found["breaks"]
        return found if any(words in one for one in found["waiting_for"]) else None

    await until(look, f"the close waits for {words}")


async def closes(world: World) -> None:
    asked = await world.close()
    await world.reaches("invoicing")
    await story.hand_over(world, asked["close_id"])
    await world.reaches("closed")


async def everything_read(world: World) -> bool | None:
    found = await world.reconcile()
    return (not found["breaks"] and not any("still to be read" in note for note in found["notes"])) or None


async def rejected_rows_are_seen(world: World) -> bool | None:
    found = await world.reconcile()
    codes = [one["code"] for one in found["breaks"]]
    return (codes == ["rejected-rows"] and not any("still to be read" in note for note in found["notes"])) or None


@asynccontextmanager
async def unwritable(world: World, table: str) -> AsyncIterator[None]:
    """Nothing is written to a table of the ledger for a while, so whoever wants to stands still."""
    engine = create_engine(world.database_url, "test")
    try:
        async with engine.begin() as conn:
            await conn.execute(text(f"LOCK TABLE ledger.{table} IN EXCLUSIVE MODE"))
            yield
    finally:
        await engine.dispose()


async def test_a_month_closes_with_a_released_delivery_and_not_before(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await world.publish(topics.HOLDS.name, hold(1, "held", PERIOD))
    assert await blocked_by(world) == ["held-delivery"]
    shown = (await world.period())["breaks"][0]
    assert (shown["key"], shown["actual"]) == ("export/d2", "shrunk")

    await world.publish(topics.HOLDS.name, hold(2, "resumed", PERIOD))
    await world.close()
    await waits_for(world, "d2, which was held, is resumed")
    await world.publish(topics.DELIVERIES.name, unchanged("d2", 2))
    await world.reaches("invoicing")
    await story.hand_over(world, f"{PERIOD}-2")
    await world.reaches("closed")


async def test_a_released_delivery_that_is_held_again_blocks_again(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await world.publish(topics.HOLDS.name, hold(2, "resumed", PERIOD), hold(1, "held", PERIOD))
    await world.close()
    await waits_for(world, "is resumed")
    await world.publish(topics.HOLDS.name, hold(3, "held", PERIOD))
    await world.reaches("blocked")
    await world.publish(topics.HOLDS.name, hold(4, "cancelled", PERIOD))
    await closes(world)


async def test_what_takes_the_place_of_a_held_delivery_is_awaited(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await world.publish(topics.HOLDS.name, hold(2, "superseded", PERIOD, by="d3"))
    await world.close()
    await waits_for(world, "delivery d3 of export")
    await world.publish(topics.DELIVERIES.name, unchanged("d3", 3))
    await world.reaches("invoicing")


async def test_events_that_come_with_an_awaited_delivery_are_not_taken_for_lost(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await world.publish(topics.HOLDS.name, hold(2, "resumed", PERIOD))
    await world.close()
    await waits_for(world, "is resumed")
    for issuer, number in ((story.AWS, "INV-1"), (story.AZURE, "M-1")):
        twice = 2 * (Decimal("90.12") if issuer == story.AWS else Decimal("10.01"))
        await world.publish(topics.PROVIDER_INVOICES.name, story.provider_invoice(issuer, number, str(twice), 2))
    async with unwritable(world, "delivery_progress"):
        await world.publish_costs(0, [story.cost_event("d2", 0, number, story.ROWS[number]) for number in (0, 1)])
        await world.publish_costs(1, [story.cost_event("d2", 1, 0, story.ROWS[2])])
        await world.publish(topics.DELIVERIES.name, ("d2", story.delivery("d2", 2)))
        await waits_for(world, "delivery d2: 2 of 2 events of cost partition 0")
    assert (await world.reaches("invoicing"))["deliveries"] == ["d1", "d2"]


async def test_a_hold_concerns_its_own_months_or_all_if_it_tells_none(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await world.publish(topics.HOLDS.name, hold(1, "held", "2026-02"))
    await closes(world)
    await world.publish(topics.HOLDS.name, hold(2, "held"))
    february = await world.http.post("/v1/periods/2026-02/reconcile")
    assert [one["code"] for one in february.json()["breaks"]] == ["held-delivery", "no-costs"]
    assert (await world.reconcile())["breaks"] == []


async def test_a_close_reads_the_holds_to_the_end_before_it_decides(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await until(lambda: everything_read(world), "everything is read")
    async with unwritable(world, "documents"):
        await world.publish(topics.HOLDS.name, hold(1, "held", PERIOD))
        await world.close()
        await waits_for(world, "finops.holds.v1/0: read to offset 0")
    assert [one["code"] for one in (await world.reaches("blocked"))["breaks"]] == ["held-delivery"]


async def test_a_close_that_is_blocked_before_all_costs_are_read_shows_no_difference_of_half_of_them(
    world: World,
) -> None:
    async def only_costs_are_awaited() -> bool | None:
        waiting = (await world.period())["waiting_for"]
        return (bool(waiting) and all("cost partition" in one for one in waiting)) or None

    await world.start()
    async with unwritable(world, "delivery_progress"):
        await story.deliver(world)
        await world.close()
        await until(only_costs_are_awaited, "all but the costs is read")
        await world.publish(topics.HOLDS.name, hold(1, "held", PERIOD))
        assert [one["code"] for one in (await world.reaches("blocked"))["breaks"]] == ["held-delivery"]


async def test_rejected_rows_do_not_block_while_the_delivery_that_mends_them_is_still_to_be_read(world: World) -> None:
    await world.start()
    await story.deliver(world, rejected=1)
    await until(lambda: rejected_rows_are_seen(world), "all of the first delivery is read")
    async with unwritable(world, "documents"):
        key, mended = unchanged("d2", 2)
        await world.publish(topics.DELIVERIES.name, (key, msgspec.structs.replace(mended, mends=["d1"])))
        await world.close()
        await waits_for(world, "finops.deliveries.v1/")
    await world.reaches("invoicing")


@pytest.mark.parametrize("place", [None, "A"])
async def test_a_delivery_of_nothing_but_rejected_rows_that_tell_no_period_holds_back_every_close(
    world: World, place: str | None
) -> None:
    await world.start()
    await story.deliver(world)
    key, nothing = unchanged("d2", 2)
    rejected = [RejectedRows(rows=4, billing_account_id=place)]
    nothing = msgspec.structs.replace(nothing, snapshot=[], rejected_rows=4, rejected=rejected)
    await world.publish(topics.DELIVERIES.name, (key, nothing))
    assert await blocked_by(world) == ["rejected-rows"]
    message = (await world.period())["breaks"][0]["message"]
    assert "none of its rows tells a billing period" in message
    scope = DeliveredScope(billing_account_id="A", billing_period=PERIOD)
    key, mended = unchanged("d3", 3)
    await world.publish(topics.DELIVERIES.name, (key, msgspec.structs.replace(mended, replaces=[scope])))
    await closes(world)
