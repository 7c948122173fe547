"""Schemathesis, as the program that it is: it reads a service's OpenAPI document and asks for what is in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import settings

from tests.stack.waiting import PATIENCE_SECONDS


def ask_for_everything(base_url: str, directory: Path, checks: str, *options: str) -> None:
    """Ask rightly and wrongly; fails with what the program says. `make thorough` adds every edge of every value."""
    thorough = settings().max_examples >= settings.get_profile("thorough").max_examples
    phases = "examples,coverage,fuzzing" if thorough else "examples,fuzzing"
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{base_url}/openapi.json", *options,
            "--checks", checks, "--max-examples", "25" if thorough else "10", "--seed", "1",
            "--phases", phases, "--generation-database", "none",
        ],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=directory, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:]
