"""kill -9 at every numbered step: after a restart the allocations are those of an undisturbed allocator."""

from __future__ import annotations

import pytest

from tests.integration.allocator.month import apply, costs, expected, facts
from tests.integration.allocator.test_adjustments import adjustments, close, in_all
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["run.planned", "adjustment.lines-written", "adjustment.written", "adjustment.committed"]
)
async def test_killed_while_a_closed_month_is_adjusted(world: World, step: str) -> None:
    first = await world.start()
    await apply(first.http)
    charges, late = costs(30), costs(50)[30:]
    delivery = await world.deliver(charges)
    final = await close(world, first, [delivery.delivery_id])
    booked = await world.published_lines(final)
    await world.settled(first)
    first.kill()
    doomed = await world.start(f"allocator.{step}")
    await world.deliver(late)
    await doomed.killed()

    survivor = await world.start()

    lines = await world.adjusting_lines(await adjustments(survivor, 1))
    assert in_all(booked, lines) == expected([*charges, *late])
