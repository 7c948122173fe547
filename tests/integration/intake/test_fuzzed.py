"""An outsider reads intake's OpenAPI document and asks for everything in it, rightly and wrongly."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.intake.world import World

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.parametrize("path", ["/v1/costs", "/v1/deliveries", "/v1/republications"])
async def test_no_request_is_a_fault(world: World, tmp_path: Path, path: str) -> None:
    world.start()
    program = Path(sys.executable).with_name("schemathesis")
    done = await asyncio.to_thread(
        subprocess.run,
        [
            str(program), "run", f"http://127.0.0.1:{world.port}/openapi.json", "--include-path", path,
            "--checks", CHECKS, "--max-examples", "25", "--seed", "1", "--phases", "examples,coverage,fuzzing",
            "--generation-database", "none",
        ],
        capture_output=True, text=True, timeout=150, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:]
    assert world.http.get("/readyz").status_code == 200
