"""Driver measurements, who approved a rule set, and key figures of runs.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and columns; what is there stays as it is."""
    _measurements()
    op.create_table(
        "driver_metrics",
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("measurements", sa.BigInteger(), nullable=False, comment="in force and not withdrawn"),
        sa.PrimaryKeyConstraint("metric", name=op.f("pk_driver_metrics")),
        schema="allocator",
    )
    op.create_table(
        "driver_writes",
        sa.Column("measurement_id", sa.Text(), nullable=False, comment="written by this service and not read back yet"),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("measurement_id", name=op.f("pk_driver_writes")),
        schema="allocator",
    )
    for table, column in _COLUMNS:
        op.add_column(table, column, schema="allocator")


def downgrade() -> None:
    """Forget them."""
    for table, column in _COLUMNS:
        op.drop_column(table, column.name, schema="allocator")
    for table in ("driver_writes", "driver_metrics", "driver_revisions"):
        op.drop_table(table, schema="allocator")


_COLUMNS = (
    (
        "rule_sets",
        sa.Column("approved_by", sa.Text(), nullable=True, comment="null: applied before two people were asked for"),
    ),
    (
        "rule_sets",
        sa.Column(
            "metrics",
            JSONB(),
            server_default="{}",
            nullable=False,
            comment="driver metrics it uses: days of look-back",
        ),
    ),
    (
        "runs",
        sa.Column(
            "figures",
            JSONB(),
            nullable=True,
            comment="what key figures are made from; null: finished before they were kept",
        ),
    ),
)


def _measurements() -> None:
    op.create_table(
        "driver_revisions",
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False, comment="counts arrivals from 1"),
        sa.Column("measurement_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="sha256 of the record without revision"),
        sa.Column(
            "superseded_by", sa.BigInteger(), nullable=True, comment="ordinal of the next revision; null: in force"
        ),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_driver_revisions")),
        schema="allocator",
    )
    op.create_index(
        "uq_driver_revisions_in_force", "driver_revisions", ["measurement_id"], unique=True, schema="allocator",
        postgresql_where=sa.text("superseded_by IS NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_driver_revisions_window", "driver_revisions", ["metric", "window_end"], unique=False, schema="allocator"
    )
