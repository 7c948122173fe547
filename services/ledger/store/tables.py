"""Every table of the ledger, in the schema `ledger`."""

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
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.cost_stream import cost_tables
from shared.database import metadata
from shared.dead_letters import dead_letter_table
from shared.money import DIGITS_MAX, SCALE
from shared.outbox import outbox_table
from shared.stream import StreamTables, positions_table

SERVICE: Final = "ledger"
NO_INVOICE: Final = ""
"""Stands for "no InvoiceId" in keys, which cannot hold null."""

_AMOUNT = Numeric(DIGITS_MAX, SCALE)

tables = metadata(SERVICE)
stream_tables = StreamTables(positions_table(tables), dead_letter_table(tables), outbox_table(tables))
costs = cost_tables(tables)

cost_totals = Table(
    "cost_totals",
    tables,
    Column("billing_period", Text, primary_key=True),
    Column("delivery_id", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, comment="of the topic: processes never share a row"),
    Column("currency", Text, primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("invoice_id", Text, primary_key=True, comment="empty: the charges carry none"),
    Column("rows", BigInteger, nullable=False, comment="charges minus retractions"),
    Column("billed_cost", _AMOUNT, nullable=False),
    Column("effective_cost", _AMOUNT, nullable=False),
)

holes = Table(
    "holes",
    tables,
    Column("delivery_id", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("got", BigInteger, primary_key=True, comment="the sequence at which the partition stopped"),
    Column("reason", Text, nullable=False),
)

documents = Table(
    "documents",
    tables,
    Column("document_id", Text, primary_key=True, comment="<kind>/<id>"),
    Column("kind", Text, nullable=False, comment="delivery, hold, provider-invoice, allocation-run or invoice-run"),
    Column("revision", Integer, nullable=False),
    Column("billing_periods", ARRAY(Text), nullable=False),
    Column("content", LargeBinary, nullable=False, comment="sha256 of the body"),
    Column("body", LargeBinary, nullable=False, comment="the record, without what does not matter"),
    Column("arrival", BigInteger, Identity(always=True), nullable=False),
)

allocations = Table(
    "allocations",
    tables,
    Column("allocation_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("billing_period", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cost_center", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("billed_cost", _AMOUNT, nullable=False),
    Column("effective_cost", _AMOUNT, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False, comment="sha256 of what the revision fixes"),
    Index(None, "billing_period"),
)

invoices = Table(
    "invoices",
    tables,
    Column("invoice_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("number", Text),
    Column("billing_period", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cost_center", Text, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("total", _AMOUNT, nullable=False),
    Column("exact_total", _AMOUNT, nullable=False),
    Column("rounding", _AMOUNT, nullable=False),
    Column("content", LargeBinary, nullable=False, comment="sha256 of the whole record"),
    Index(None, "billing_period"),
)

periods = Table(
    "periods",
    tables,
    Column("billing_period", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("phase", Text),
    Column("attempt", Integer, nullable=False),
    Column("requested_by", Text),
    Column("deliveries", ARRAY(Text), nullable=False),
    Column("revision", Integer, nullable=False, server_default="0", comment="of the published period record"),
    Column("reconciliations", Integer, nullable=False, server_default="0", comment="how many were published"),
    Column("targets", JSONB, nullable=False, server_default="[]", comment="end offsets at the request"),
    Column("waiting_for", ARRAY(Text), nullable=False, server_default="{}"),
    Column("waiting_since", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("reconciliation", LargeBinary, comment="the newest published one"),
    Column("chain_head", Text),
    Column("books", Text, comment="folder of the published books"),
)

entries = Table(
    "entries",
    tables,
    Column("billing_period", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("source", Text, nullable=False, unique=True),
    Column("currency", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("content", Text, nullable=False, comment="sha256 of the canonical entry, hex"),
    Column("head", Text, nullable=False, comment="of the chain after this entry, hex"),
    Column("posted_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)

postings = Table(
    "postings",
    tables,
    Column("billing_period", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("chart", Text, nullable=False),
    Column("party", Text, comment="issuer or cost center"),
    Column("amount", _AMOUNT, nullable=False, comment="debit positive, credit negative"),
)
