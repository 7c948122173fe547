"""An outsider reads the allocator's OpenAPI document and asks for everything in it, rightly and wrongly."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.integration.allocator.month import apply, costs
from tests.integration.allocator.world import World
from tests.stack.outsider import ask_for_everything


async def test_no_request_is_a_fault(world: World, tmp_path: Path) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(12))
    await world.run_of(allocator, lambda run: True)

    await asyncio.to_thread(ask_for_everything, str(allocator.http.base_url), tmp_path, "not_a_server_error")

    assert (await allocator.http.get("/readyz")).status_code == 200
