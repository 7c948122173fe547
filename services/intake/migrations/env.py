"""Alembic environment of intake's schema."""

from services.intake.tables import METADATA
from shared.database import run_migration_environment

run_migration_environment(METADATA)
