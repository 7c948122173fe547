"""The rule set version that an allocation line names, beside its bytes.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take it from the lines themselves."""
    comment = "what the line says made it; not always the last run's"
    op.add_column(
        "allocations", sa.Column("rule_set_version", sa.Text(), nullable=True, comment=comment), schema="allocator"
    )
    op.execute(
        "UPDATE allocator.allocations SET rule_set_version = "
        """substring(convert_from(body, 'UTF8') from '.*"rule_set_version":"([^"]*)"')"""
    )
    op.alter_column("allocations", "rule_set_version", nullable=False, schema="allocator")


def downgrade() -> None:
    """Forget it: the lines still say it."""
    op.drop_column("allocations", "rule_set_version", schema="allocator")
