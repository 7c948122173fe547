"""Alembic environment of the ledger's schema."""

from services.ledger.store.tables import tables
from shared.database import run_migration_environment

run_migration_environment(tables)
