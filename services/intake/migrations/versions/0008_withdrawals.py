"""Withdrawals: deliveries without files that take back what a source has in force, and who asked for them.

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COMMENT = "payer and period of each scope that a withdrawal takes back; null: no withdrawal"


def upgrade() -> None:
    """Deliveries so far are none."""
    op.add_column("deliveries", sa.Column("withdraws", JSONB(none_as_null=True), comment=_COMMENT), schema="intake")
    _decisions("asked, released or cancelled")


def downgrade() -> None:
    """Withdrawals that are not published yet are given up: an earlier program would take them for empty."""
    op.execute(
        "UPDATE intake.deliveries SET state = 'cancelled' "
        "WHERE withdraws IS NOT NULL AND state IN ('received', 'held', 'released')"
    )
    op.drop_column("deliveries", "withdraws", schema="intake")
    _decisions("released or cancelled")


def _decisions(comment: str) -> None:
    op.alter_column("hold_decisions", "decision", schema="intake", existing_nullable=False, comment=comment)
