"""The migrations make what the code expects, and lead back."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from services.intake.tables import METADATA
from shared.database import alembic_config, create_engine
from tests.integration.intake.world import World
from tests.stack.schema import differences

DELIVERY = (
    "INSERT INTO intake.deliveries (delivery_id, source, ordinal, state, files) VALUES (:id, 'a', :n, :state, '[]')"
)


async def test_migrated_tables_are_the_declared_ones(world: World) -> None:
    engine = create_engine(world.database_url, "test")
    async with engine.connect() as conn:
        assert await conn.run_sync(differences, METADATA) == []
    await engine.dispose()


async def test_held_deliveries_survive_the_way_back_as_refused(world: World) -> None:
    engine = create_engine(world.database_url, "test")
    async with engine.begin() as conn:
        for number, state in enumerate(("held", "released", "cancelled", "complete"), 1):
            await conn.execute(text(DELIVERY), {"id": state, "n": number, "state": state})
        await conn.run_sync(lambda one: command.downgrade(alembic_config("intake", one), "0002"))
        states = await conn.execute(text("SELECT delivery_id, state FROM intake.deliveries ORDER BY ordinal"))
        assert [tuple(row) for row in states] == [
            ("held", "refused"), ("released", "received"), ("cancelled", "refused"), ("complete", "complete"),
        ]  # fmt: skip
        await conn.run_sync(lambda one: command.upgrade(alembic_config("intake", one), "head"))
        assert await conn.run_sync(differences, METADATA) == []
    await engine.dispose()
