"""A world per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.ledger.world import World


@pytest.fixture
async def world(
    kafka_bootstrap: str, migrated_database_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Topics and database of the test's own; the ledger is not started yet."""
    async with World(kafka_bootstrap, migrated_database_url, topic_prefix, tmp_path) as world:
        yield world
