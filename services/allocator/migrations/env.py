"""Alembic environment of the allocator's schema."""

from services.allocator.store.tables import METADATA
from shared.database import run_migration_environment

run_migration_environment(METADATA)
