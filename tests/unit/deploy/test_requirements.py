"""The requirement files install the same files for everyone, and say nothing about where they were made."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKED = sorted((ROOT / "requirements").glob("*.txt"))


def requirements(path: Path) -> list[str]:
    """One string per requirement, its continuation lines joined."""
    return path.read_text().replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_requirement_has_one_version_and_a_hash(path: Path) -> None:
    assert requirements(path)
    for requirement in requirements(path):
        assert re.match(r"[a-z0-9-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", requirement), requirement


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").iterdir()), ids=lambda path: path.name)
def test_no_address_and_no_path_of_a_machine_gets_in(path: Path) -> None:
    assert not re.search(
        r"https?:|://|--(?:extra-)?index-url|--find-links|--trusted-host|file:|/home/|/tmp/", path.read_text()
    )


def test_development_runs_the_versions_that_production_runs() -> None:
    runtime, dev = (set(requirements(ROOT / "requirements" / f"{name}.txt")) for name in ("runtime", "dev"))
    assert runtime <= dev
