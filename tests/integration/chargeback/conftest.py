"""Chargeback worlds: each with its own topics, database and directory of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local import Stack
from tests.integration.chargeback.support import World
from tests.stack.shared import MIGRATED


@pytest.fixture
async def world(
    kafka_bootstrap: str, migrated_database_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Topics and tables are there; the service is not started."""
    made = World(kafka_bootstrap, migrated_database_url, topic_prefix, tmp_path / "world")
    await made.prepare()
    yield made
    made.kill()


@pytest.fixture
async def other_world(
    kafka_bootstrap: str, shared_stack: Stack, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    """A second one beside `world`, to compare with."""
    name = f"{topic_prefix}other"
    url = shared_stack.postgres.create_database(name, MIGRATED)
    made = World(kafka_bootstrap, url, f"{name}.", tmp_path / "other")
    await made.prepare()
    yield made
    made.kill()
    shared_stack.postgres.drop_database(name)
