"""Killed at every numbered step, one after the other, chargeback ends with the files of an undisturbed run."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from shared import topics
from shared.events import Invoice, decode
from tests.integration.chargeback.support import PERIOD, World, lines_of_a_month

CONSUMING = ("inputs.polled", "applied", "inputs.written", "inputs.committed")
DRAFTING = ("drafting", "drafted", "outbox.published")
DECIDING = (
    ("approve", ("approving", "approved")),
    ("issue", ("issuing", "issued")),
)
FILING = ("files-written", "files-published", "files-recorded")


@pytest.mark.slow
async def test_killed_at_each_step_it_ends_with_the_same_bytes_and_no_gap_in_numbers(
    world: World, other_world: World
) -> None:
    await other_world.send_month(lines_of_a_month())
    other_world.start()
    await other_world.approve_and_issue()
    other_world.kill()
    await world.send_month(lines_of_a_month())
    for step in (*CONSUMING, *DRAFTING):
        world.start(f"chargeback.{step}")
        assert await world.died() == -9, step
    for decision, steps in DECIDING:
        for step in steps:
            world.start(f"chargeback.{step}")
            with suppress(httpx.RemoteProtocolError, httpx.ReadError):
                await world.ask("POST", f"/v1/periods/{PERIOD}/{decision}", json={"approved_by": "ben"})
            assert await world.died() == -9, step
    for step in FILING:
        world.start(f"chargeback.{step}")
        assert await world.died() == -9, step
    world.start()
    await world.reaches("issued")
    assert world.published() == other_world.published()
    numbers = {decode(Invoice, value).number for value in await world.read(topics.INVOICES.name)}
    assert numbers == {None, *(f"IC-2026-{n:06}" for n in range(1, 7))}
