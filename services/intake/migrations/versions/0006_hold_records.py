"""What others were told about held deliveries.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the service tells of deliveries that are held already when it starts."""
    op.create_table(
        "hold_records",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False, comment="the newest DeliveryHold as it is published"),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_hold_records")),
        schema="intake",
    )


def downgrade() -> None:
    """Forget what was told."""
    op.drop_table("hold_records", schema="intake")
