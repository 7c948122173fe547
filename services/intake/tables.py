"""The tables of intake. Amounts are `numeric(38,18)`; `record` holds contract JSON as it travels."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.intake.domain.delivery import State
from services.intake.domain.styles import Style
from shared.database import metadata
from shared.dead_letters import dead_letter_table
from shared.money import DIGITS_MAX, SCALE
from shared.outbox import outbox_table
from shared.stream import StreamTables, positions_table

SERVICE: Final = "intake"
METADATA = metadata(SERVICE)

STREAM_TABLES = StreamTables(positions_table(METADATA), dead_letter_table(METADATA), outbox_table(METADATA))

deliveries = Table(
    "deliveries",
    METADATA,
    Column("delivery_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("ordinal", Integer, nullable=False, comment="counts the deliveries of a source from 1"),
    Column("state", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("files", JSONB, nullable=False, comment="name, sha256 and size of each received file"),
    Column("rows_read", BigInteger, nullable=False, server_default="0"),
    Column("parts_published", Integer, nullable=False, server_default="0", comment="the checkpoint"),
    Column("events_published", BigInteger, nullable=False, server_default="0"),
    Column("destination", JSONB, comment="what the checkpoint counts for"),
    Column("record", LargeBinary, comment="the Delivery as it will be published"),
    Column("error", Text, comment="why it was refused"),
    Column("style", Text, nullable=False, server_default="overwrite", comment="overwrite or append"),
    Column("as_of", DateTime(timezone=True), comment="when the provider made the snapshot, if known"),
    Column("mends", JSONB, nullable=False, server_default="[]", comment="deliveries whose refused rows it holds"),
    Column(
        "withdraws",
        JSONB(none_as_null=True),
        comment="payer and period of each scope that a withdrawal takes back; null: no withdrawal",
    ),
    Column("republish", Text, comment="asked, or why it could not be published again"),
    Column("reject_limit", Text, comment="rows or percentage that may be rejected; null: as the settings say"),
    Column("hold_reasons", JSONB, nullable=False, server_default="[]", comment="code and message of each"),
    Column("held_scopes", JSONB, nullable=False, server_default="[]", comment="payer and period of each, while held"),
    Column("superseded_by", Text, comment="the newer delivery that replaced it while it was held"),
    Column("flagged_rows", BigInteger, nullable=False, server_default="0", comment="accepted rows that carry flags"),
    Column("ended_at", DateTime(timezone=True), comment="when nothing more could come"),
    UniqueConstraint("source", "ordinal"),
    CheckConstraint("state IN (" + ", ".join(f"'{state}'" for state in State) + ")", name="state"),
    Index("ix_deliveries_state", "state"),
)

hold_decisions = Table(
    "hold_decisions",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("delivery_id", Text, nullable=False),
    Column("decision", Text, nullable=False, comment="asked, released or cancelled"),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index("ix_hold_decisions_delivery_id", "delivery_id"),
)

hold_records = Table(
    "hold_records",
    METADATA,
    Column("delivery_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("record", LargeBinary, nullable=False, comment="the newest DeliveryHold as it is published"),
)

scopes = Table(
    "scopes",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("billing_account_id", Text, primary_key=True),
    Column("billing_period", Text, primary_key=True),
    Column("delivery_id", Text, primary_key=True, comment="the delivery whose rows are in force"),
    Column("as_of", DateTime(timezone=True), comment="the newest snapshot's"),
)

source_styles = Table(
    "source_styles",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("style", Text, nullable=False),
    CheckConstraint("style IN (" + ", ".join(f"'{style}'" for style in Style) + ")", name="style"),
)

direct_requests = Table(
    "direct_requests",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False, comment="of media type and body"),
    Column("body_sha256", Text, nullable=False, comment="where the archive has the body"),
    Column("delivery_id", Text, nullable=False, comment="the delivery that it became"),
)

origins = Table(
    "origins",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("origin", Text, primary_key=True, comment="hash of what was found where the files came from"),
    Column("delivery_id", Text, comment="null: a file of another dataset, which is no delivery"),
)

provider_invoices = Table(
    "provider_invoices",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("invoice_id", Text, primary_key=True),
    Column("billing_period", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("amount", Numeric(DIGITS_MAX, SCALE), nullable=False),
    Column("status", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("source_file", Text, nullable=False),
)

dataset_rows = Table(
    "dataset_rows",
    METADATA,
    Column("dataset", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="as on the topic"),
    Column("scope", Text, nullable=False, comment="what is delivered as a whole; empty: nothing is"),
    Column("content", LargeBinary, nullable=False, comment="the record at revision 1, without its source file"),
    Column("revision", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("source_file", Text, nullable=False),
    Index("ix_dataset_rows_scope", "dataset", "scope"),
)
