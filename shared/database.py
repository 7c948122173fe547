"""PostgreSQL: the engine, migrations per schema, and locks."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.observability import COMMITS, STATEMENTS

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata(schema: str) -> MetaData:
    """Make the table registry of one service: everything it owns lives in the schema of its name."""
    return MetaData(schema=schema, naming_convention=NAMING_CONVENTION)


def create_engine(url: str, application: str) -> AsyncEngine:
    """Create the service's engine; `application` is what an operator sees in `pg_stat_activity`."""
    engine = create_async_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args={"server_settings": {"application_name": application, "timezone": "UTC", "jit": "off"}},
    )
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *_: STATEMENTS.labels(application).inc())
    event.listen(engine.sync_engine, "commit", lambda _: COMMITS.labels(application).inc())
    return engine


def lock_key(*parts: str) -> int:
    """A stable signed 64-bit advisory lock key for a name such as ("allocator", "run", "2026-09")."""
    return int.from_bytes(hashlib.sha256("\x00".join(parts).encode()).digest()[:8], "big", signed=True)


async def lock_transaction(conn: AsyncConnection, *parts: str) -> None:
    """Wait for the named lock and hold it until the transaction ends."""
    await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(*parts)})


async def try_lock_transaction(conn: AsyncConnection, *parts: str) -> bool:
    """Take the named lock until the transaction ends if nobody has it."""
    return bool(
        (await conn.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": lock_key(*parts)})).scalar()
    )


async def migrate(engine: AsyncEngine, service: str) -> None:
    """Bring the schema of `services.<service>` to its newest version; safe to run from several processes at once."""
    async with engine.begin() as conn:
        await lock_transaction(conn, "migrate", service)
        await conn.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{service}"'))
        await conn.run_sync(_upgrade, service)


def alembic_config(service: str, connection: Connection | None = None) -> Config:
    """Alembic's configuration of one service, without an ini file: the migrations say the rest."""
    package = import_module(f"services.{service}")
    config = Config()
    config.set_main_option("script_location", str(Path(str(package.__file__)).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def run_migration_environment(tables: MetaData) -> None:
    """What each service's `migrations/env.py` calls: migrate that one schema on the connection handed in."""
    schema = tables.schema
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=tables,
        version_table_schema=schema,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == schema,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def _upgrade(connection: Connection, service: str) -> None:
    command.upgrade(alembic_config(service, connection), "head")
