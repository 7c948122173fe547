"""kill -9 at every numbered step: after a restart the allocations are those of an undisturbed allocator."""

from __future__ import annotations

import pytest

from tests.integration.allocator.month import apply, costs, expected, facts
from tests.integration.allocator.world import World

STEPS = (
    "lens-*.polled", "buckets-written", "lens-*.written", "lens-*.committed", "records.written", "records.committed",
    "run.planned", "run.lines-written", "run.written", "run.committed",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step(world: World, step: str) -> None:
    first = await world.start()
    await apply(first.http)
    first.kill()
    doomed = await world.start(f"allocator.{step}")
    charges = costs()
    await world.deliver(charges)
    await doomed.killed()

    survivor = await world.start()

    run = await world.run_of(survivor, lambda run: True)
    assert facts(await world.published_lines(run)) == expected(charges)
    assert len(await world.published_runs(1)) == 1
