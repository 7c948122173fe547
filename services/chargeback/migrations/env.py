"""Alembic's environment of schema `chargeback`."""

from services.chargeback.store.tables import METADATA
from shared.database import run_migration_environment

run_migration_environment(METADATA)
