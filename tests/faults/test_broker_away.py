"""Who asks for something that needs Kafka while it is away is told so, and nothing is half done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from apportion.operations import migrate_all
from deploy.local import Stack, ports
from tests.integration.ledger import story
from tests.integration.ledger.world import PERIOD, World
from tests.stack.command import apportion
from tests.stack.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
async def stack(private_stack: Callable[[], Stack]) -> Stack:
    """A broker that may be killed, and a database with all tables."""
    stack = private_stack()
    stack.start_infrastructure()
    await migrate_all(stack.database_url)
    return stack


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    """A ledger on that stack."""
    async with World(stack.bootstrap, stack.database_url, "", tmp_path) as world:
        yield world


async def test_a_close_asked_for_while_the_broker_is_away_is_refused_whole_and_works_afterwards(
    stack: Stack, world: World
) -> None:
    async def delivered() -> bool | None:
        return (await world.period())["state"] == "open" or None

    await world.start()
    await story.deliver(world)
    await until(delivered, "the month is known")
    before = await world.period()
    stack.kill("kafka")

    for asked in ("close", "reconcile"):
        answer = await world.http.post(f"/v1/periods/{PERIOD}/{asked}", json={"requested_by": "ann"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable"), answer.text
        assert "then ask again" in answer.json()["error"]["message"]
    assert (await world.period())["close_id"] is before["close_id"] is None

    stack.start("kafka")
    assert (await world.close())["close_id"] == f"{PERIOD}-1"
    await world.reaches("invoicing")


def test_applying_topics_to_a_broker_that_is_away_is_a_sentence() -> None:
    bootstrap = f"{ports.LOOPBACK}:{ports.free_port()}"
    done = apportion("topics", "apply", env={"APPORTION_KAFKA_BOOTSTRAP": bootstrap})
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert f"Kafka at {bootstrap}" in done.stderr
