"""An outsider reads intake's OpenAPI document and asks for everything in it, rightly and wrongly."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.integration.intake.world import World
from tests.stack.outsider import ask_for_everything

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
PATHS = ("/v1/costs", "/v1/deliveries", "/v1/republications")


async def test_no_request_is_a_fault(world: World, tmp_path: Path) -> None:
    world.start()
    paths = [word for path in PATHS for word in ("--include-path", path)]

    await asyncio.to_thread(ask_for_everything, f"http://127.0.0.1:{world.port}", tmp_path, CHECKS, *paths)

    assert world.http.get("/readyz").status_code == 200
