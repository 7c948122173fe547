"""Closing a month on real Kafka and PostgreSQL: what adds up closes, what doesn't is named and blocks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import msgspec
from aiokafka import AIOKafkaConsumer

from shared import topics
from tests.integration.ledger import story
from tests.integration.ledger.world import PERIOD, World
from tests.stack.waiting import until

BEAN_CHECK = Path(sys.executable).with_name("bean-check")


async def closed(world: World) -> dict[str, Any]:
    """Close the month with everything in order."""
    asked = await world.close()
    await world.reaches("invoicing")
    await story.hand_over(world, asked["close_id"])
    return await world.reaches("closed")


def judge(books: Path) -> tuple[int, str]:
    """What bean-check says: exit code and output."""
    judged = subprocess.run([BEAN_CHECK, "--no-cache", books], capture_output=True, text=True, check=False)
    return judged.returncode, judged.stdout + judged.stderr


async def published_states(world: World, count: int) -> list[str]:
    """The states of the period as other services read them."""
    consumer = AIOKafkaConsumer(
        world.prefix + topics.PERIODS.name, bootstrap_servers=world.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [story.read_period((await consumer.getone()).value).state for _ in range(count)]
    finally:
        await consumer.stop()


async def test_a_month_that_adds_up_closes_and_its_books_pass_an_outside_judge(world: World) -> None:
    await world.start()
    await story.deliver(world)

    found = await closed(world)

    assert found["breaks"] == []
    stage = found["stages"][0]
    figures = ("rows", "billed_cost", "provider_invoiced", "allocated", "suspense", "invoiced", "rounding", "documents")
    assert [stage[name] for name in figures] == [
        3, "100.128456789012345678", "100.13", "89.105", "1", "89.11", "0.005", 2
    ]  # fmt: skip
    assert await published_states(world, 2) == ["closing", "closed"]
    export = await world.http.get(f"/v1/periods/{PERIOD}/export")
    with tarfile.open(fileobj=BytesIO(export.content)) as archive:
        assert f"{PERIOD}-books-r1/manifest.json" in archive.getnames()
    books = world.files_dir / PERIOD / "books-r1" / "books.beancount"
    assert await asyncio.to_thread(judge, books) == (0, "")
    balance = (await world.http.get(f"/v1/periods/{PERIOD}/trial-balance")).json()
    assert balance["posted"]
    assert balance["residues"] == {"USD": "0"}


async def test_a_closed_month_stays_closed_and_late_cost_is_visible_but_not_posted(world: World) -> None:
    await world.start()
    await story.deliver(world)
    before = await closed(world)
    sums = world.sums()

    await story.deliver(world)  # every record again: nothing may change
    late = [story.cost_event("d2", 0, number, story.ROWS[number]) for number in (0, 1)]
    await world.publish_costs(0, late)
    await world.publish_costs(1, [story.cost_event("d2", 1, 0, story.ROWS[2])])
    await world.publish(topics.DELIVERIES.name, ("d2", story.delivery("d2", 2)))

    async def late_cost() -> dict[str, object] | None:
        found = await world.reconcile()
        return next((one for one in found["breaks"] if one["code"] == "late-cost"), None)

    found = await until(late_cost, "the late cost is visible")
    assert (found["key"], found["actual"]) == ("d2", "100.128456789012345678")
    again = await world.http.post(f"/v1/periods/{PERIOD}/close", json={"requested_by": "ann"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "period-closed")
    after = await world.period()
    assert (after["chain_head"], after["stages"]) == (before["chain_head"], before["stages"])
    assert world.sums() == sums


async def test_a_removed_sequence_is_named_and_blocks(world: World) -> None:
    await world.start()
    await world.publish_costs(0, [story.cost_event("d1", 0, 1, story.ROWS[1])])  # sequence 0 never comes
    await world.publish_costs(1, [story.cost_event("d1", 1, 0, story.ROWS[2])])
    await world.publish(topics.DELIVERIES.name, ("d1", story.delivery()))

    await world.close()

    found = await world.reaches("blocked")
    one = next(one for one in found["breaks"] if one["code"] == "missing-sequence")
    assert (one["key"], one["expected"], one["actual"]) == ("d1/0", "0", "sequence 1")
    ready = await world.http.get("/readyz")
    assert ready.status_code == 503
    assert "expected sequence 0, got 1" in str(ready.json()["reasons"])


async def test_a_delivery_without_its_last_event_is_named_and_blocks(world: World) -> None:
    await world.start()
    await world.publish_costs(0, [story.cost_event("d1", 0, number, story.ROWS[number]) for number in (0, 1)])
    await world.publish(topics.DELIVERIES.name, ("d1", story.delivery()))

    await world.close()

    found = await world.reaches("blocked")
    assert [(one["code"], one["key"], one["actual"]) for one in found["breaks"]] == [
        ("missing-sequence", "d1/1", "the end of the topic")
    ]


async def test_a_wrong_provider_invoice_blocks_until_the_right_one_comes(world: World) -> None:
    await world.start()
    await story.deliver(world)
    await world.publish(topics.PROVIDER_INVOICES.name, story.provider_invoice(story.AWS, "INV-1", "95.12", revision=2))

    await world.close()
    found = await world.reaches("blocked")

    assert [(one["code"], one["difference"]) for one in found["breaks"]] == [
        ("provider-invoice-difference", "-4.996543210987654322")
    ]
    await world.publish(topics.PROVIDER_INVOICES.name, story.provider_invoice(story.AWS, "INV-1", "90.12", revision=3))
    found = await closed(world)
    assert found["close_id"] == f"{PERIOD}-2"
    assert await published_states(world, 3) == ["blocked", "closing", "closed"]


async def test_a_tampered_allocation_is_refused_and_blocks(world: World) -> None:
    await world.start()
    await story.deliver(world)
    asked = await world.close()
    await world.reaches("invoicing")

    await story.allocate(world, asked["close_id"], tampered=True)

    found = await world.reaches("blocked")
    assert "dead-letters" in {one["code"] for one in found["breaks"]}
    letters = (await world.http.get("/v1/dead-letters")).json()
    assert [(one["code"], one["billing_period"]) for one in letters] == [("conflict", PERIOD)]


async def test_rejected_rows_block_until_the_source_delivers_without(world: World) -> None:
    await world.start()
    await story.deliver(world, rejected=2)

    await world.close()
    found = await world.reaches("blocked")

    assert [one["code"] for one in found["breaks"]] == ["rejected-rows"]
    mended = story.delivery("d2", 2)
    unchanged = msgspec.structs.replace(mended, published=[], partition_events=[0, 0], charges=0)
    await world.publish(topics.DELIVERIES.name, ("d2", unchanged))
    await closed(world)


async def test_a_period_nobody_delivered_is_not_closed(world: World) -> None:
    await world.start()

    await world.close()

    found = await world.reaches("blocked")
    assert [one["code"] for one in found["breaks"]] == ["no-costs"]


async def test_errors_have_one_shape(world: World) -> None:
    await world.start()

    async def code(path: str) -> tuple[int, str]:
        response: httpx.Response = await world.http.get(path)
        return response.status_code, response.json()["error"]["code"]

    assert await code("/v1/periods/2026-13") == (422, "invalid-request")
    assert await code("/v1/periods/2026-02") == (404, "unknown-period")
    assert await code("/v1/periods/2026-02/export") == (409, "not-closed")
