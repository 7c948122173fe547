"""The tables that migrations made, beside the declared ones."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData


def differences(connection: Connection, metadata: MetaData) -> list[object]:
    """What alembic would still have to do in a service's schema."""
    options = {
        "include_schemas": True,
        "version_table_schema": metadata.schema,
        "include_name": lambda name, kind, _parents: kind != "schema" or name == metadata.schema,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))
