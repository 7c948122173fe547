"""The migrations make what the code expects."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from services.chargeback.store.tables import METADATA
from shared.database import create_engine
from tests.integration.chargeback.support import World


def differences(connection: Connection) -> list[object]:
    options = {
        "include_schemas": True,
        "version_table_schema": METADATA.schema,
        "include_name": lambda name, kind, _: kind != "schema" or name == METADATA.schema,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def test_migrated_tables_are_the_declared_ones(world: World) -> None:
    engine = create_engine(world.database_url, "test")
    async with engine.connect() as conn:
        assert await conn.run_sync(differences) == []
    await engine.dispose()
