"""All tables of intake.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATES = "state IN ('received', 'normalised', 'publishing', 'complete', 'refused')"


def upgrade() -> None:
    """Create everything in an empty schema."""
    _shared_tables()
    _deliveries()
    _provider_invoices()


def downgrade() -> None:
    """Leave nothing: there is no state before the first."""
    for table in ("provider_invoices", "scopes", "deliveries", "outbox", "dead_letters", "positions"):
        op.drop_table(table, schema="intake")


def _shared_tables() -> None:
    op.create_table(
        "positions",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "topic", "partition", name=op.f("pk_positions")),
        schema="intake",
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
        sa.Column("billing_period", sa.Text(), comment="null: unknown, so it holds every period back"),
        sa.Column("place", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False, comment="open, replayed or superseded"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("dead_letter_id", name=op.f("pk_dead_letters")),
        schema="intake",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("records", sa.LargeBinary(), nullable=False, comment="msgpack list of outgoing records"),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema="intake",
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="counts the deliveries of a source from 1"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("files", JSONB(), nullable=False, comment="name, sha256 and size of each received file"),
        sa.Column("rows_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parts_published", sa.Integer(), server_default="0", nullable=False, comment="the checkpoint"),
        sa.Column("events_published", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("record", sa.LargeBinary(), comment="the Delivery as it will be published"),
        sa.Column("error", sa.Text(), comment="why it was refused"),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("source", "ordinal", name=op.f("uq_deliveries_source_ordinal")),
        sa.CheckConstraint(_STATES, name=op.f("ck_deliveries_state")),
        schema="intake",
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state"], schema="intake")
    op.create_table(
        "scopes",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("billing_account_id", sa.Text(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False, comment="the delivery whose rows are in force"),
        sa.PrimaryKeyConstraint("source", "billing_account_id", "billing_period", name=op.f("pk_scopes")),
        schema="intake",
    )


def _provider_invoices() -> None:
    op.create_table(
        "provider_invoices",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("source_file", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "issuer", "invoice_id", "billing_period", "currency", name=op.f("pk_provider_invoices")
        ),
        schema="intake",
    )
