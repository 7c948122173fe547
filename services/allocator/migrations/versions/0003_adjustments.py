"""Adjustments of closed billing periods.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and have closed periods looked at: cost may have come for them since."""
    op.create_table(
        "adjustments",
        sa.Column("allocation_id", sa.Text(), nullable=False, comment="of the adjusting line"),
        sa.Column("billing_period", sa.Text(), nullable=False, comment="the closed one that is adjusted"),
        sa.Column("number", sa.Integer(), nullable=False, comment="which of the period's adjustments"),
        sa.Column("cost_center", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_adjustments")),
        schema="allocator",
    )
    op.create_index(
        "ix_adjustments_period", "adjustments", ["billing_period", "cost_center"], unique=False, schema="allocator"
    )
    op.create_table(
        "adjustment_runs",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="counts the period's adjustments from 1"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("seconds", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.PrimaryKeyConstraint("billing_period", "number", name=op.f("pk_adjustment_runs")),
        schema="allocator",
    )
    op.execute(
        "INSERT INTO allocator.run_requests (billing_period) "
        "SELECT billing_period FROM allocator.periods WHERE state = 'closed' ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    """Forget them."""
    for table in ("adjustment_runs", "adjustments"):
        op.drop_table(table, schema="allocator")
