"""The tables of chargeback. Amounts are `numeric(38,18)`; `body` and `document` hold contract JSON as it travels."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Numeric, Table, Text, UniqueConstraint

from shared.database import metadata
from shared.dead_letters import dead_letter_table
from shared.money import DIGITS_MAX, SCALE
from shared.outbox import outbox_table
from shared.stream import StreamTables, positions_table

METADATA = metadata("chargeback")
AMOUNT = Numeric(DIGITS_MAX, SCALE)

allocations = Table(
    "allocations",
    METADATA,
    Column("allocation_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("content_hash", LargeBinary, nullable=False, comment="sha256 of the line without revision and run"),
    Column("billing_period", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cost_center", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("billed_cost", AMOUNT, nullable=False),
    Column("effective_cost", AMOUNT, nullable=False),
    Column("live", Boolean, nullable=False, comment="false: withdrawn, kept for its revision"),
    Column("body", LargeBinary, nullable=False),
    Index("ix_allocations_document", "billing_period", "currency", "cost_center"),
)

allocation_runs = Table(
    "allocation_runs",
    METADATA,
    Column("close_id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

cost_centers = Table(
    "cost_centers",
    METADATA,
    Column("cost_center_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

periods = Table(
    "periods",
    METADATA,
    Column("billing_period", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

invoice_runs = Table(
    "invoice_runs",
    METADATA,
    Column("billing_period", Text, primary_key=True),
    Column("status", Text, nullable=False, comment="drafted, approved or issued"),
    Column("lines_hash", Text, nullable=False, comment="of the allocation run that was invoiced"),
    Column("body", LargeBinary, nullable=False),
)

invoices = Table(
    "invoices",
    METADATA,
    Column("invoice_id", Text, primary_key=True),
    Column("billing_period", Text, nullable=False),
    Column("cost_center", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("number", Text, unique=True, comment="given at issue, never before"),
    Column("total", AMOUNT, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("content_hash", Text, nullable=False, comment="sha256 of the document, hex"),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("billing_period", "cost_center", "currency"),
)

number_counters = Table(
    "number_counters",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("next_sequence", Integer, nullable=False),
)

positions = positions_table(METADATA)
dead_letters = dead_letter_table(METADATA)
outbox = outbox_table(METADATA)

STREAM_TABLES = StreamTables(positions, dead_letters, outbox)
