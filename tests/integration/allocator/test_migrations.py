"""The migrations make what the code expects."""

from __future__ import annotations

from services.allocator.store.tables import METADATA
from shared.database import create_engine
from tests.integration.allocator.world import World
from tests.stack.schema import differences


async def test_migrated_tables_are_the_declared_ones(world: World) -> None:
    engine = create_engine(world.database_url, "test")
    async with engine.connect() as conn:
        assert await conn.run_sync(differences, METADATA) == []
    await engine.dispose()
