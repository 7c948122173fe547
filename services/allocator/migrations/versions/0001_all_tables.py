"""All tables of the allocator.

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


def upgrade() -> None:
    """Create everything in an empty schema."""
    _streams()
    _costs()
    _rules()
    _runs()


def downgrade() -> None:
    """Leave nothing: there is no state before the first."""
    names = "run_requests runs allocations cost_centers rule_sets periods deliveries buckets lenses"
    for table in (*names.split(), "outbox", "dead_letters", "delivery_sums", "delivery_progress", "positions"):
        op.drop_table(table, schema="allocator")


def _streams() -> None:
    op.create_table(
        "positions",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "topic", "partition", name=op.f("pk_positions")),
        schema="allocator",
    )
    op.create_table(
        "delivery_progress",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "delivery_id", "partition", name=op.f("pk_delivery_progress")),
        schema="allocator",
    )
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
        schema="allocator",
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
        schema="allocator",
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
        schema="allocator",
    )


def _costs() -> None:
    op.create_table(
        "lenses",
        sa.Column("lens_id", sa.Text(), nullable=False),
        sa.Column(
            "definition",
            JSONB(),
            nullable=False,
            comment="columns, tags and custom columns besides the base",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="building, active or retired"),
        sa.Column("ordinal", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("lens_id", name=op.f("pk_lenses")),
        schema="allocator",
    )
    op.create_table(
        "buckets",
        sa.Column("lens_id", sa.Text(), nullable=False),
        sa.Column(
            "partition", sa.Integer(), nullable=False, comment="in the key, so that two processes never lock one row"
        ),
        sa.Column("dimensions_hash", sa.LargeBinary(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column(
            "dimensions",
            sa.Text(),
            nullable=False,
            comment="JSON list of values as the lens orders them, currency first",
        ),
        sa.Column("billed_cost", AMOUNT, nullable=False),
        sa.Column("effective_cost", AMOUNT, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lens_id", "partition", "dimensions_hash", name=op.f("pk_buckets")),
        schema="allocator",
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_buckets_period", "buckets", ["lens_id", "billing_period"], unique=False, schema="allocator")
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        schema="allocator",
    )
    op.create_table(
        "periods",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("billing_period", name=op.f("pk_periods")),
        schema="allocator",
    )


def _rules() -> None:
    op.create_table(
        "rule_sets",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column(
            "applied_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="rises with every time it is applied"),
        sa.Column("document_name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("files", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_rule_sets")),
        schema="allocator",
    )
    op.create_table(
        "cost_centers",
        sa.Column("cost_center_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cost_center_id", name=op.f("pk_cost_centers")),
        schema="allocator",
    )


def _runs() -> None:
    op.create_table(
        "allocations",
        sa.Column("allocation_id", sa.Text(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("cost_center", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "content_hash", sa.LargeBinary(), nullable=False, comment="sha256 of the line without revision and run"
        ),
        sa.Column("live", sa.Boolean(), nullable=False, comment="false: withdrawn, kept for its revision"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_allocations")),
        schema="allocator",
    )
    op.create_index(
        "ix_allocations_period", "allocations", ["billing_period", "cost_center"], unique=False, schema="allocator"
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False, comment="hash of what the run was made from"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("seconds", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
        schema="allocator",
    )
    op.create_index(
        op.f("ix_allocator_runs_billing_period"), "runs", ["billing_period"], unique=False, schema="allocator"
    )
    # ### end Alembic commands ###
    op.create_table(
        "run_requests",
        sa.Column("billing_period", sa.Text(), nullable=False),
        sa.Column(
            "requested_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="what the run is waiting for"),
        sa.Column(
            "failed_inputs",
            sa.Text(),
            nullable=True,
            comment="what the last try failed on; tried again when it changes",
        ),
        sa.PrimaryKeyConstraint("billing_period", name=op.f("pk_run_requests")),
        schema="allocator",
    )
