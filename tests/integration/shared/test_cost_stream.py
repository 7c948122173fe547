"""Cost events are taken exactly once, and a lost one is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import text

from shared.errors import RetryLater
from tests.integration.shared.support import TABLES, Probe, event
from tests.stack.waiting import until


@pytest.fixture
async def probe(kafka_bootstrap: str, database_url: str, topic_prefix: str) -> AsyncIterator[Probe]:
    async with Probe(kafka_bootstrap, database_url, topic_prefix) as running:
        yield running


async def taken(probe: Probe, events: int) -> None:
    async def enough() -> bool:
        assert not probe.errors
        return (await probe.sums())[0] >= events

    await until(enough, f"{events} events taken")


async def test_replayed_events_are_skipped_and_new_ones_taken(probe: Probe) -> None:
    await probe.send(0, [event("d1", 0, n) for n in (0, 1, 2)])
    await probe.send(0, [event("d1", 0, n) for n in (0, 1, 2, 3, 4)])
    await probe.send(3, [event("d1", 3, 0), event("d2", 3, 0), event("d1", 3, 1)])
    await taken(probe, 8)
    assert await probe.sums() == (8, Decimal(12))


async def test_a_missing_sequence_stops_its_partition_and_is_named(probe: Probe) -> None:
    await probe.send(1, [event("d1", 1, 0), event("d1", 1, 2), event("d1", 1, 3)])
    await probe.send(2, [event("d1", 2, 0)])
    await taken(probe, 2)

    async def stopped() -> bool:
        return bool(probe.stream.stopped)

    await until(stopped, "the partition stops")
    reason = probe.stream.not_ready()
    assert reason is not None
    assert "delivery d1, partition 1: expected sequence 1, got 2; 1 event(s) are missing" in reason
    assert await probe.sums() == (2, Decimal(3))


async def test_an_unreadable_event_is_a_dead_letter_and_the_others_go_on(probe: Probe) -> None:
    await probe.send(0, [event("d1", 0, 0), b"{nonsense", event("d1", 0, 2)], ["d1/0/0", "d1/0/1", "d1/0/2"])
    await taken(probe, 2)
    assert await probe.count("dead_letters") == 1
    assert await probe.count("outbox") == 1


async def test_an_unreadable_event_that_is_read_again_is_announced_once(
    probe: Probe, kafka_bootstrap: str, database_url: str, topic_prefix: str
) -> None:
    await probe.send(0, [event("d1", 0, 0), b"{nonsense"], ["d1/0/0", "d1/0/1"])
    await taken(probe, 1)

    async def read() -> bool:
        return await probe.count("dead_letters") == 1

    await until(read, "the unreadable event is kept")
    await probe.broker.stop()
    async with probe.engine.begin() as conn:
        await conn.execute(text("DELETE FROM probe.positions"))
    async with Probe(kafka_bootstrap, database_url, topic_prefix) as again:
        await again.send(0, [event("d1", 0, 2)], ["d1/0/2"])
        await taken(again, 2)
        assert (await again.count("dead_letters"), await again.count("outbox")) == (1, 1)


async def test_an_outage_is_waited_for_and_rejects_nothing(probe: Probe) -> None:
    probe.fail_first = [RetryLater("away"), OSError("gone")]
    await probe.send(0, [event("d1", 0, 0)])
    await taken(probe, 1)
    assert await probe.count("dead_letters") == 0
    assert await probe.sums() == (1, Decimal("1.5"))


async def test_only_the_projected_dimensions_make_the_key(probe: Probe) -> None:
    tagged = event("d1", 0, 0, Tags={"team": "web", "env": "prod"}, ServiceName="EC2")
    await probe.send(0, [tagged, event("d1", 0, 1, Tags={"team": "web"}), event("d1", 0, 2)])
    await taken(probe, 3)
    sums = [(key, row) for group in probe.effects for key, row in group.sums.items()]
    assert sum(events for _, (_, _, events) in sums) == 3
    assert {key for key, _ in sums} == {("2026-09", "USD", "2026-09-03", "AWS", team, None) for team in ("web", None)}


async def test_a_restored_database_reads_again_what_it_lost(
    probe: Probe, kafka_bootstrap: str, database_url: str, topic_prefix: str
) -> None:
    await probe.send(0, [event("d1", 0, n) for n in range(5)])
    await taken(probe, 5)
    await probe.broker.stop()
    async with probe.engine.begin() as conn:
        await conn.run_sync(TABLES.drop_all)
    async with Probe(kafka_bootstrap, database_url, topic_prefix) as again:
        await taken(again, 5)
        assert await again.sums() == (5, Decimal("7.5"))
