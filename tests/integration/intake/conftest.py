"""Intake worlds: each with its own topics, database and data directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.intake.world import World


@pytest.fixture
async def world(
    kafka_bootstrap: str, migrated_database_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Topics and tables are there; the service is not started."""
    made = World(kafka_bootstrap, migrated_database_url, topic_prefix, tmp_path / "world")
    await made.prepare()
    yield made
    made.kill()
