"""What a watched place delivered already.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "origins",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="hash of what was found where the files came from"),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "origin", name=op.f("pk_origins")),
        schema="intake",
    )


def downgrade() -> None:
    """Forget it; a watched place is delivered once more, which publishes nothing."""
    op.drop_table("origins", schema="intake")
