"""Which lines a changed rule set publishes again: those that it concerns while a month is open, all for its close."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.allocator.line_content import LineEncoder
from shared.events import Allocation, encode
from tests.integration.allocator.month import RULES, allocated, apply, bundle, costs, expected, facts
from tests.integration.allocator.world import World

WEIGHTED = RULES.replace(
    "method: proportional, targets: all, when_zero: even", "method: weighted, targets: {CC-1: 3, CC-2: 1}"
)
RENAMED = WEIGHTED.replace("name: small", "name: renamed")


async def _preview(world: World, document: str) -> tuple[dict[str, Any], dict[str, Allocation]]:
    """Apply rules; the run by them, and its lines as a consumer has them once its hash agrees with the run's."""
    process = world.processes[0]
    version = await apply(process.http, document)
    run = await world.run_of(process, lambda run: run["rule_set_version"] == version)
    return run, await world.published_lines(run)


async def test_a_preview_after_a_change_of_one_pool_publishes_only_its_lines(world: World) -> None:
    await world.start()
    await world.deliver(costs())
    first, before = await _preview(world, RULES)

    second, after = await _preview(world, WEIGHTED)

    shared = {line.allocation_id for lines in (before, after) for line in lines.values() if line.path}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == shared
    assert second["changed_lines"] == len(shared) < second["totals"][0]["lines"]
    assert facts(after) == expected(costs(), WEIGHTED)
    versions = {line.kind: line.rule_set_version for line in after.values()}
    assert (versions["direct"], versions["shared"]) == (first["rule_set_version"], second["rule_set_version"])


async def test_a_comment_in_the_rules_publishes_nothing(world: World) -> None:
    await world.start()
    await world.deliver(costs())
    first, before = await _preview(world, RULES)

    second, after = await _preview(world, RULES + "# a comment\n")

    assert (second["changed_lines"], second["lines_hash"], after) == (0, first["lines_hash"], before)


async def test_changed_back_before_anything_else_changed_restores_the_same_lines(world: World) -> None:
    await world.start()
    await world.deliver(costs())
    first, before = await _preview(world, RULES)
    await _preview(world, WEIGHTED)

    await apply(world.processes[0].http, RULES)
    third = await world.run_of(
        world.processes[0],
        lambda run: run["run_id"] != first["run_id"] and run["rule_set_version"] == first["rule_set_version"],
    )

    after = await world.published_lines(third)
    assert third["lines_hash"] == first["lines_hash"]
    assert _contents(after) == _contents(before)


@pytest.mark.parametrize(
    "previews", [[WEIGHTED], [RULES, WEIGHTED], [WEIGHTED, RULES, RULES + "# a comment\n", WEIGHTED]]
)
async def test_the_lines_of_a_close_do_not_depend_on_the_previews_before(world: World, previews: list[str]) -> None:
    process = await world.start()
    delivery = await world.deliver(costs())
    for document in previews:
        await _preview(world, document)
    await apply(process.http, RENAMED)

    await world.period(1, "closing", "2026-01-1", [delivery.delivery_id])
    run = await world.run_of(process, lambda run: run["kind"] == "final")

    lines = await world.published_lines(run)
    encoder = LineEncoder()
    by_function = [encoder.line(line, "renamed", bundle(RENAMED).version) for line in allocated(costs(), RENAMED)]
    assert {name: encode(line) for name, line in _contents(lines).items()} == {
        line.allocation_id: line.content for line in by_function
    }


def _contents(lines: dict[str, Allocation]) -> dict[str, Allocation]:
    return {name: msgspec.structs.replace(line, revision=1, run_id="") for name, line in lines.items()}
