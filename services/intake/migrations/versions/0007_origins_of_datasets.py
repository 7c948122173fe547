"""Origins of files that are no delivery: those of the other datasets.

Revision: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An origin may have no delivery."""
    op.alter_column(
        "origins", "delivery_id", schema="intake", nullable=True,
        comment="null: a file of another dataset, which is no delivery",
    )  # fmt: skip


def downgrade() -> None:
    """Forget such origins: the files are refused or found unchanged once more."""
    op.execute("DELETE FROM intake.origins WHERE delivery_id IS NULL")
    op.alter_column("origins", "delivery_id", schema="intake", nullable=False, comment=None)
