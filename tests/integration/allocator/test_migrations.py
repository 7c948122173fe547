"""The migrations make what the code expects, and lead back."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from services.allocator.store.tables import METADATA
from shared.database import alembic_config, create_engine
from tests.integration.allocator.world import World
from tests.stack.schema import differences

PERIOD = (
    "INSERT INTO allocator.periods (billing_period, revision, content_hash, state, body) "
    "VALUES (:period, 1, '', :state, '')"
)


async def test_migrated_tables_are_the_declared_ones(world: World) -> None:
    engine = create_engine(world.database_url, "test")
    async with engine.connect() as conn:
        assert await conn.run_sync(differences, METADATA) == []
    await engine.dispose()


async def test_months_that_were_closed_before_adjustments_are_looked_at(world: World) -> None:
    engine = create_engine(world.database_url, "test")
    async with engine.begin() as conn:
        await conn.run_sync(lambda one: command.downgrade(alembic_config("allocator", one), "0002"))
        for period, state in (("2026-01", "closed"), ("2026-02", "open")):
            await conn.execute(text(PERIOD), {"period": period, "state": state})

        await conn.run_sync(lambda one: command.upgrade(alembic_config("allocator", one), "head"))

        asked = await conn.execute(text("SELECT billing_period FROM allocator.run_requests"))
        assert list(asked.scalars()) == ["2026-01"]
        assert await conn.run_sync(differences, METADATA) == []
    await engine.dispose()
