"""Rows of the datasets beside Cost and Usage, with their revisions.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for lines of invoices, billing periods and commitments."""
    op.create_table(
        "dataset_rows",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="as on the topic"),
        sa.Column("scope", sa.Text(), nullable=False, comment="what is delivered as a whole; empty: nothing is"),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="the record at revision 1, without its source file"
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("source_file", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "key", name=op.f("pk_dataset_rows")),
        schema="intake",
    )
    op.create_index("ix_dataset_rows_scope", "dataset_rows", ["dataset", "scope"], schema="intake")


def downgrade() -> None:
    """Forget them; delivering the files again brings them back, at revision 1."""
    op.drop_table("dataset_rows", schema="intake")
