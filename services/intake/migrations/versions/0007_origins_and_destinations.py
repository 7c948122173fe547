"""Origins of files that are no delivery, and which topic a checkpoint counts for.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An origin may have no delivery; a delivery under way, whose destination is not known, begins anew."""
    op.alter_column(
        "origins", "delivery_id", schema="intake", nullable=True,
        comment="null: a file of another dataset, which is no delivery",
    )  # fmt: skip
    op.add_column(
        "deliveries", sa.Column("destination", JSONB(), comment="what the checkpoint counts for"), schema="intake"
    )


def downgrade() -> None:
    """Forget such origins: the files are refused or found unchanged once more."""
    op.drop_column("deliveries", "destination", schema="intake")
    op.execute("DELETE FROM intake.origins WHERE delivery_id IS NULL")
    op.alter_column("origins", "delivery_id", schema="intake", nullable=False, comment=None)
