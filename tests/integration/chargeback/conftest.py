"""Chargeback worlds: each with its own topics, database and directory of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from shared.database import create_engine
from tests.integration.chargeback.support import World


@pytest.fixture
async def world(kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    """Topics and tables are there; the service is not started."""
    made = World(kafka_bootstrap, database_url, topic_prefix, tmp_path / "world")
    await made.prepare()
    yield made
    made.kill()


@pytest.fixture
async def other_world(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    """A second one beside `world`, to compare with."""
    name = f"{make_url(database_url).database}_other"
    engine = create_engine(database_url, "test")
    admin = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with admin.connect() as conn:
        await conn.execute(text(f'CREATE DATABASE "{name}"'))
    url = make_url(database_url).set(database=name).render_as_string(hide_password=False)
    made = World(kafka_bootstrap, url, f"{topic_prefix}other.", tmp_path / "other")
    await made.prepare()
    yield made
    made.kill()
    async with admin.connect() as conn:
        await conn.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    await engine.dispose()
