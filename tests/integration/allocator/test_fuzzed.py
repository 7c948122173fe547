"""An outsider reads the allocator's OpenAPI document and asks for everything in it, rightly and wrongly."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

from tests.integration.allocator.month import apply, costs
from tests.integration.allocator.world import World


async def test_no_request_is_a_fault(world: World, tmp_path: Path) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    await world.deliver(costs(12))
    await world.run_of(allocator, lambda run: True)
    program = Path(sys.executable).with_name("schemathesis")
    done = await asyncio.to_thread(
        subprocess.run,
        [
            str(program), "run", f"{allocator.http.base_url}/openapi.json", "--checks", "not_a_server_error",
            "--max-examples", str(settings().max_examples // 10), "--seed", "1",
            "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
        ],
        capture_output=True, text=True, timeout=150, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:]
    assert (await allocator.http.get("/readyz")).status_code == 200
