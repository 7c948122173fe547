"""An outsider reads intake's OpenAPI document and asks for everything in it, rightly and wrongly."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

from tests.integration.intake.world import World

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
PATHS = ("/v1/costs", "/v1/deliveries", "/v1/republications")


async def test_no_request_is_a_fault(world: World, tmp_path: Path) -> None:
    world.start()
    program = Path(sys.executable).with_name("schemathesis")
    paths = [word for path in PATHS for word in ("--include-path", path)]
    done = await asyncio.to_thread(
        subprocess.run,
        [
            str(program), "run", f"http://127.0.0.1:{world.port}/openapi.json", *paths,
            "--checks", CHECKS, "--max-examples", str(settings().max_examples // 4), "--seed", "1",
            "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
        ],
        capture_output=True, text=True, timeout=150, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:]
    assert world.http.get("/readyz").status_code == 200
