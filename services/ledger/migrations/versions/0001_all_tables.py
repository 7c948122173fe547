"""All tables of the ledger.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

AMOUNT = sa.Numeric(precision=38, scale=18)

APPEND_ONLY = """
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only: post a correcting entry instead', TG_TABLE_NAME;
END $$
"""


def upgrade() -> None:
    """Create everything in an empty schema."""
    _positions()
    _delivery_progress()
    _delivery_sums()
    _holes()
    _dead_letters()
    _outbox()
    _cost_totals()
    _documents()
    _allocations()
    _invoices()
    _periods()
    _entries()
    _postings()
    op.execute(APPEND_ONLY)
    for table in ("entries", "postings"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()"
        )


def downgrade() -> None:
    """Leave nothing: there is no state before the first."""
    names = (
        "postings entries periods invoices allocations documents cost_totals outbox dead_letters holes delivery_sums"
    )
    for table in (*names.split(), "delivery_progress", "positions"):
        op.drop_table(table, schema="ledger")
    op.execute("DROP FUNCTION ledger.refuse_change()")


def _positions() -> None:
    op.create_table(
        "positions",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "topic", "partition", name=op.f("pk_positions")),
        schema="ledger",
    )


def _delivery_progress() -> None:
    op.create_table(
        "delivery_progress",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "delivery_id", "partition", name=op.f("pk_delivery_progress")),
        schema="ledger",
    )


def _delivery_sums() -> None:
    op.create_table(
        "delivery_sums",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("billed_cost", AMOUNT, nullable=False),
        sa.Column("effective_cost", AMOUNT, nullable=False),
        sa.PrimaryKeyConstraint(
            "stream", "delivery_id", "partition", "billing_period", "currency", name=op.f("pk_delivery_sums")
        ),
        schema="ledger",
    )


def _holes() -> None:
    op.create_table(
        "holes",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("got", sa.BigInteger(), nullable=False, comment="the sequence at which the partition stopped"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "partition", "got", name=op.f("pk_holes")),
        schema="ledger",
    )


def _dead_letters() -> None:
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
        schema="ledger",
    )


def _outbox() -> None:
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
        schema="ledger",
    )


def _cost_totals() -> None:
    op.create_table(
        "cost_totals",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False, comment="of the topic: processes never share a row"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False, comment="empty: the charges carry none"),
        sa.Column("rows", sa.BigInteger(), nullable=False, comment="charges minus retractions"),
        sa.Column("billed_cost", AMOUNT, nullable=False),
        sa.Column("effective_cost", AMOUNT, nullable=False),
        sa.PrimaryKeyConstraint(
            "billing_period",
            "delivery_id",
            "partition",
            "currency",
            "issuer",
            "invoice_id",
            name=op.f("pk_cost_totals"),
        ),
        schema="ledger",
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Text(), nullable=False, comment="<kind>/<id>"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="delivery, provider-invoice, allocation-run or invoice-run"
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("billing_periods", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="sha256 of the body"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="the record, without what does not matter"),
        sa.Column("arrival", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        schema="ledger",
    )


def _allocations() -> None:
    op.create_table(
        "allocations",
        sa.Column("allocation_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cost_center", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("billed_cost", AMOUNT, nullable=False),
        sa.Column("effective_cost", AMOUNT, nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="sha256 of what the revision fixes"),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_allocations")),
        schema="ledger",
    )
    op.create_index(
        op.f("ix_ledger_allocations_billing_period"), "allocations", ["billing_period"], unique=False, schema="ledger"
    )


def _invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cost_center", sa.Text(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("total", AMOUNT, nullable=False),
        sa.Column("exact_total", AMOUNT, nullable=False),
        sa.Column("rounding", AMOUNT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="sha256 of the whole record"),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoices")),
        schema="ledger",
    )
    op.create_index(
        op.f("ix_ledger_invoices_billing_period"), "invoices", ["billing_period"], unique=False, schema="ledger"
    )


def _periods() -> None:
    op.create_table(
        "periods",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("deliveries", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "revision", sa.Integer(), server_default="0", nullable=False, comment="of the published period record"
        ),
        sa.Column(
            "reconciliations", sa.Integer(), server_default="0", nullable=False, comment="how many were published"
        ),
        sa.Column("targets", JSONB(), server_default="[]", nullable=False, comment="end offsets at the request"),
        sa.Column("waiting_for", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "waiting_since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("reconciliation", sa.LargeBinary(), nullable=True, comment="the newest published one"),
        sa.Column("chain_head", sa.Text(), nullable=True),
        sa.Column("books", sa.Text(), nullable=True, comment="folder of the published books"),
        sa.PrimaryKeyConstraint("billing_period", name=op.f("pk_periods")),
        schema="ledger",
    )


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="sha256 of the canonical entry, hex"),
        sa.Column("head", sa.Text(), nullable=False, comment="of the chain after this entry, hex"),
        sa.Column("posted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("billing_period", "ordinal", name=op.f("pk_entries")),
        sa.UniqueConstraint("source", name=op.f("uq_entries_source")),
        schema="ledger",
    )


def _postings() -> None:
    op.create_table(
        "postings",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("chart", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=True, comment="issuer or cost center"),
        sa.Column("amount", AMOUNT, nullable=False, comment="debit positive, credit negative"),
        sa.PrimaryKeyConstraint("billing_period", "ordinal", "line", name=op.f("pk_postings")),
        schema="ledger",
    )
