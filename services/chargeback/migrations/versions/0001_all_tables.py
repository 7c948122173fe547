"""All tables of chargeback.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "chargeback"
TABLES = [
    "allocations",
    "allocation_runs",
    "cost_centers",
    "periods",
    "invoice_runs",
    "invoices",
    "number_counters",
    "positions",
    "dead_letters",
    "outbox",
]


def upgrade() -> None:
    """Create everything in an empty schema."""
    op.create_table(
        "allocation_runs",
        sa.Column("close_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("close_id", name=op.f("pk_allocation_runs")),
        schema=SCHEMA,
    )
    op.create_table(
        "allocations",
        sa.Column("allocation_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "content_hash", sa.LargeBinary(), nullable=False, comment="sha256 of the line without revision and run"
        ),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cost_center", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("billed_cost", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("effective_cost", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False, comment="false: withdrawn, kept for its revision"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_allocations")),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_allocations_document",
        "allocations",
        ["billing_period", "currency", "cost_center"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "cost_centers",
        sa.Column("cost_center_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("cost_center_id", name=op.f("pk_cost_centers")),
        schema=SCHEMA,
    )
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=True, comment="null: unknown, so it holds every period back"),
        sa.Column("place", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False, comment="open, replayed or superseded"),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("dead_letter_id", name=op.f("pk_dead_letters")),
        schema=SCHEMA,
    )
    op.create_table(
        "invoice_runs",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="drafted, approved or issued"),
        sa.Column("lines_hash", sa.Text(), nullable=False, comment="of the allocation run that was invoiced"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("billing_period", name=op.f("pk_invoice_runs")),
        schema=SCHEMA,
    )
    op.create_table(
        "invoices",
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("cost_center", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True, comment="given at issue, never before"),
        sa.Column("total", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="sha256 of the document, hex"),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoices")),
        sa.UniqueConstraint(
            "billing_period", "cost_center", "currency", name=op.f("uq_invoices_billing_period_cost_center_currency")
        ),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
        schema=SCHEMA,
    )
    op.create_table(
        "number_counters",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("next_sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "year", name=op.f("pk_number_counters")),
        schema=SCHEMA,
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("records", sa.LargeBinary(), nullable=False, comment="msgpack list of outgoing records"),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema=SCHEMA,
    )
    op.create_table(
        "periods",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("billing_period", name=op.f("pk_periods")),
        schema=SCHEMA,
    )
    op.create_table(
        "positions",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "topic", "partition", name=op.f("pk_positions")),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Leave nothing: there is no state before the first."""
    for table in TABLES:
        op.drop_table(table, schema=SCHEMA)
