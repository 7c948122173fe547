"""The tables of the allocator. Amounts are `numeric(38,18)`; `body` holds contract JSON as it travels."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.cost_stream import cost_tables
from shared.database import metadata
from shared.dead_letters import dead_letter_table
from shared.money import DIGITS_MAX, SCALE
from shared.outbox import outbox_table
from shared.stream import StreamTables, positions_table

SERVICE: Final = "allocator"
METADATA = metadata(SERVICE)
AMOUNT = Numeric(DIGITS_MAX, SCALE)

STREAM_TABLES = StreamTables(positions_table(METADATA), dead_letter_table(METADATA), outbox_table(METADATA))
COSTS = cost_tables(METADATA)

lenses = Table(
    "lenses",
    METADATA,
    Column("lens_id", Text, primary_key=True),
    Column("definition", JSONB, nullable=False, comment="columns, tags and custom columns besides the base"),
    Column("state", Text, nullable=False, comment="building, active or retired"),
    Column("ordinal", BigInteger, Identity(), nullable=False),
)

buckets = Table(
    "buckets",
    METADATA,
    Column("lens_id", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, comment="in the key, so that two processes never lock one row"),
    Column("dimensions_hash", LargeBinary, primary_key=True),
    Column("billing_period", Text, nullable=False),
    Column("dimensions", Text, nullable=False, comment="JSON list of values as the lens orders them, currency first"),
    Column("billed_cost", AMOUNT, nullable=False),
    Column("effective_cost", AMOUNT, nullable=False),
    Column("events", BigInteger, nullable=False),
    Index("ix_buckets_period", "lens_id", "billing_period"),
    postgresql_with={"fillfactor": 70},
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("delivery_id", Text, primary_key=True),
    Column("content_hash", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

periods = Table(
    "periods",
    METADATA,
    Column("billing_period", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

rule_sets = Table(
    "rule_sets",
    METADATA,
    Column("version", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("effective_from", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("approved_by", Text, comment="null: applied before two people were asked for"),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("ordinal", BigInteger, nullable=False, comment="rises with every time it is applied"),
    Column("document_name", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("files", JSONB, nullable=False),
    Column("metrics", JSONB, nullable=False, server_default="{}", comment="driver metrics it uses: days of look-back"),
)

cost_centers = Table(
    "cost_centers",
    METADATA,
    Column("cost_center_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
)

allocations = Table(
    "allocations",
    METADATA,
    Column("allocation_id", Text, primary_key=True),
    Column("billing_period", Text, nullable=False),
    Column("cost_center", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content_hash", LargeBinary, nullable=False, comment="sha256 of the line without revision and run"),
    Column("live", Boolean, nullable=False, comment="false: withdrawn, kept for its revision"),
    Column("rule_set_version", Text, nullable=False, comment="what the line says made it; not always the last run's"),
    Column("body", LargeBinary, nullable=False),
    Index("ix_allocations_period", "billing_period", "cost_center"),
)

runs = Table(
    "runs",
    METADATA,
    Column("run_id", Text, primary_key=True),
    Column("billing_period", Text, nullable=False, index=True),
    Column("ordinal", BigInteger, Identity(), nullable=False),
    Column("inputs", Text, nullable=False, comment="hash of what the run was made from"),
    Column("body", LargeBinary, nullable=False),
    Column("finished_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("seconds", Numeric(12, 3), nullable=False),
    Column("figures", JSONB, comment="what key figures are made from; null: finished before they were kept"),
)

adjustments = Table(
    "adjustments",
    METADATA,
    Column("allocation_id", Text, primary_key=True, comment="of the adjusting line"),
    Column("billing_period", Text, nullable=False, comment="the closed one that is adjusted"),
    Column("number", Integer, nullable=False, comment="which of the period's adjustments"),
    Column("cost_center", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_adjustments_period", "billing_period", "cost_center"),
)

adjustment_runs = Table(
    "adjustment_runs",
    METADATA,
    Column("billing_period", Text, primary_key=True),
    Column("number", Integer, primary_key=True, comment="counts the period's adjustments from 1"),
    Column("body", LargeBinary, nullable=False),
    Column("finished_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("seconds", Numeric(12, 3), nullable=False),
)

run_requests = Table(
    "run_requests",
    METADATA,
    Column("billing_period", Text, primary_key=True),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("reason", Text, nullable=False, server_default="", comment="what the run is waiting for"),
    Column("failed_inputs", Text, comment="what the last try failed on; tried again when it changes"),
)

driver_revisions = Table(
    "driver_revisions",
    METADATA,
    Column("ordinal", BigInteger, primary_key=True, autoincrement=False, comment="counts arrivals from 1"),
    Column("measurement_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("metric", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("quantity", AMOUNT, nullable=False),
    Column("unit", Text, nullable=False),
    Column("window_start", DateTime(timezone=True), nullable=False),
    Column("window_end", DateTime(timezone=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("content_hash", Text, nullable=False, comment="sha256 of the record without revision"),
    Column("superseded_by", BigInteger, comment="ordinal of the next revision; null: in force"),
    Index(
        "uq_driver_revisions_in_force", "measurement_id", unique=True, postgresql_where=text("superseded_by IS NULL")
    ),
    Index("ix_driver_revisions_window", "metric", "window_end"),
)

driver_metrics = Table(
    "driver_metrics",
    METADATA,
    Column("metric", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("measurements", BigInteger, nullable=False, comment="in force and not withdrawn"),
)

driver_writes = Table(
    "driver_writes",
    METADATA,
    Column("measurement_id", Text, primary_key=True, comment="written by this service and not read back yet"),
    Column("revision", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
)
