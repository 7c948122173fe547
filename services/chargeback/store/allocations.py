"""Allocation lines: applied in bulk by id and revision, added up, and read document by document."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.chargeback.domain.agreement import LineTotals
from services.chargeback.domain.charges import Basis
from services.chargeback.store.tables import allocations
from shared.events import Allocation
from shared.events.allocations import line_content
from shared.money import ZERO

_COLUMNS = [column.name for column in allocations.columns]
_STREAM_ROWS = 2_000
_HASH_MODULUS = 1 << 256

_PREPARE = text("CREATE TEMP TABLE arrived (LIKE chargeback.allocations) ON COMMIT DROP")
_CONFLICTS = text(
    "SELECT a.allocation_id FROM arrived a JOIN chargeback.allocations k USING (allocation_id) "
    "WHERE a.revision = k.revision AND a.content_hash <> k.content_hash"
)
_APPLY = text(
    "INSERT INTO chargeback.allocations AS k SELECT * FROM arrived ORDER BY allocation_id "
    "ON CONFLICT (allocation_id) DO UPDATE SET revision = excluded.revision, content_hash = excluded.content_hash, "
    "billing_period = excluded.billing_period, currency = excluded.currency, cost_center = excluded.cost_center, "
    "kind = excluded.kind, billed_cost = excluded.billed_cost, effective_cost = excluded.effective_cost, "
    "live = excluded.live, body = excluded.body WHERE excluded.revision > k.revision"
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """An allocation as it came, with the hash of what its revision fixes."""

    line: Allocation
    content_hash: bytes
    body: bytes

    @classmethod
    def of(cls, line: Allocation, body: bytes) -> Arrived:
        """Hash the line's content as `AllocationRun.lines_hash` does."""
        return cls(line, hashlib.sha256(line_content(line)).digest(), body)

    def row(self) -> tuple[Any, ...]:
        """The values for COPY, in the order of the table's columns."""
        line = self.line
        return (
            line.allocation_id, line.revision, self.content_hash, line.billing_period, line.currency,
            line.cost_center, line.kind, line.billed_cost, line.effective_cost, not line.withdrawn, self.body,
        )  # fmt: skip


async def apply(conn: AsyncConnection, arrived: Sequence[Arrived]) -> set[str]:
    """Apply lines whose ids are unique among them: a higher revision replaces, the same or a lower one does nothing.

    Returns:
        The ids of lines that came with a known revision but other content; nothing of those was applied.
    """
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    await conn.execute(_PREPARE)
    await driver.copy_records_to_table("arrived", records=[line.row() for line in arrived], columns=_COLUMNS)
    conflicts = set((await conn.execute(_CONFLICTS)).scalars())
    await conn.execute(_APPLY)
    await conn.execute(text("DROP TABLE arrived"))
    return conflicts


async def own_totals(conn: AsyncConnection, billing_period: str) -> dict[str, LineTotals]:
    """Add up our own live lines of a period by currency."""
    suspense = allocations.c.kind == "suspense"
    billed, effective = allocations.c.billed_cost, allocations.c.effective_cost
    query = (
        select(
            allocations.c.currency,
            func.count(),
            *(
                func.coalesce(func.sum(cost).filter(condition), ZERO)
                for condition in (~suspense, suspense)
                for cost in (billed, effective)
            ),
        )
        .where(_live(billing_period))
        .group_by(allocations.c.currency)
    )
    return {row[0]: LineTotals(*row[1:]) for row in await conn.execute(query)}


async def lines_hash(conn: AsyncConnection, billing_period: str) -> str:
    """Hash our own live lines of a period as `AllocationRun.lines_hash` does: one pass, 32 bytes a line."""
    added = 0
    query = select(allocations.c.content_hash).where(_live(billing_period))
    async with conn.stream_scalars(query.execution_options(yield_per=_STREAM_ROWS)) as hashes:
        async for partition in hashes.partitions():
            added += sum(int.from_bytes(content, "big") for content in partition)
    return f"{added % _HASH_MODULUS:064x}"


async def chargeable(conn: AsyncConnection, billing_period: str, basis: Basis) -> dict[str, dict[str, Decimal]]:
    """Exact cost by currency and cost center: all live lines but those in suspense."""
    cost = allocations.c.billed_cost if basis == "BilledCost" else allocations.c.effective_cost
    query = (
        select(allocations.c.currency, allocations.c.cost_center, func.sum(cost))
        .where(_chargeable(billing_period))
        .group_by(allocations.c.currency, allocations.c.cost_center)
    )
    exact: dict[str, dict[str, Decimal]] = {}
    for currency, cost_center, amount in await conn.execute(query):
        exact.setdefault(currency, {})[cost_center] = amount
    return exact


async def charged_cost_centers(conn: AsyncConnection, billing_period: str) -> set[str]:
    """The cost centers that get an invoice for a period."""
    query = select(allocations.c.cost_center).where(_chargeable(billing_period)).distinct()
    return set((await conn.execute(query)).scalars())


async def bodies_by_document(conn: AsyncConnection, billing_period: str) -> AsyncIterator[tuple[str, str, list[bytes]]]:
    """Stream (currency, cost center, allocation JSON of that document), one document in memory at a time."""
    query = (
        select(allocations.c.currency, allocations.c.cost_center, allocations.c.body)
        .where(_chargeable(billing_period))
        .order_by(allocations.c.currency, allocations.c.cost_center)
        .execution_options(yield_per=_STREAM_ROWS)
    )
    document, bodies = ("", ""), list[bytes]()
    async with conn.stream(query) as rows:
        async for partition in rows.partitions():
            for currency, cost_center, body in partition:
                if (currency, cost_center) != document:
                    if bodies:
                        yield *document, bodies
                    document, bodies = (currency, cost_center), []
                bodies.append(body)
    if bodies:
        yield *document, bodies


def _live(billing_period: str) -> ColumnElement[bool]:
    return and_(allocations.c.billing_period == billing_period, allocations.c.live)


def _chargeable(billing_period: str) -> ColumnElement[bool]:
    return and_(_live(billing_period), allocations.c.kind != "suspense")
