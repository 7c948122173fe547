"""Cost per delivery, issuer and provider invoice: written by the stream, added up over partitions when read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.facts import CostTotal
from services.ledger.domain.hand_overs import Figures
from services.ledger.store.tables import NO_INVOICE, cost_totals, costs
from shared.cost_stream import CostGroup

STREAM = "costs"
_UPSERT = text(
    "INSERT INTO ledger.cost_totals AS t (billing_period, delivery_id, partition, currency, issuer, invoice_id, rows, "
    "billed_cost, effective_cost) SELECT * FROM unnest(CAST(:periods AS text[]), CAST(:deliveries AS text[]), "
    "CAST(:partitions AS int[]), CAST(:currencies AS text[]), CAST(:issuers AS text[]), CAST(:invoices AS text[]), "
    "CAST(:rows AS bigint[]), CAST(:billed AS numeric[]), CAST(:effective AS numeric[])) "
    "ON CONFLICT (billing_period, delivery_id, partition, currency, issuer, invoice_id) DO UPDATE SET "
    "rows = t.rows + excluded.rows, billed_cost = t.billed_cost + excluded.billed_cost, "
    "effective_cost = t.effective_cost + excluded.effective_cost"
)
_NAMES = ("periods", "deliveries", "partitions", "currencies", "issuers", "invoices", "rows", "billed", "effective")


async def add(conn: AsyncConnection, groups: Sequence[CostGroup]) -> None:
    """Add a batch's sums in one statement, rows sorted by key."""
    rows = sorted(row for group in groups for row in _rows(group))
    await conn.execute(_UPSERT, dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True)))


def _rows(group: CostGroup) -> Iterator[tuple[Any, ...]]:
    """One row per period, currency, issuer and invoice; a retraction takes a row away."""
    merged: dict[tuple[str, str, str, str], list[Any]] = {}
    for (period, currency, issuer, invoice_id, kind), (billed, effective, events) in group.sums.items():
        rows = -events if kind == "retraction" else events
        found = merged.setdefault(
            (period, currency, _storable(issuer), _storable(invoice_id)), [0, Decimal(0), Decimal(0)]
        )
        found[0] += rows
        found[1] += billed
        found[2] += effective
    for (period, currency, issuer, invoice), sums in merged.items():
        yield period, group.delivery_id, group.partition, currency, issuer, invoice, *sums


def _storable(name: str | None) -> str:
    """A name as a key that cannot be null; PostgreSQL text can't hold U+0000, and no name has a use for it."""
    return (name or NO_INVOICE).replace("\x00", "\ufffd")


async def of_period(conn: AsyncConnection, billing_period: str) -> list[CostTotal]:
    """Every cost total of a period."""
    t = cost_totals.c
    keys = (t.delivery_id, t.currency, t.issuer, t.invoice_id)
    query = (
        select(*keys, func.sum(t.rows), func.sum(t.billed_cost), func.sum(t.effective_cost))
        .where(t.billing_period == billing_period)
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        CostTotal(delivery, currency, issuer, invoice or None, int(rows), billed, effective)
        for delivery, currency, issuer, invoice, rows, billed, effective in await conn.execute(query)
    ]


async def known_periods(conn: AsyncConnection) -> list[str]:
    """Every period that has cost events."""
    query = select(cost_totals.c.billing_period).distinct().order_by(cost_totals.c.billing_period)
    return list((await conn.execute(query)).scalars())


async def control_sums(conn: AsyncConnection, delivery_ids: Collection[str]) -> dict[str, dict[str, Figures]]:
    """What this ledger has read of each delivery: delivery -> "period currency" -> figures."""
    s = costs.sums.c
    query = (
        select(
            s.delivery_id, s.billing_period, s.currency,
            func.sum(s.events), func.sum(s.billed_cost), func.sum(s.effective_cost),
        )
        .where(s.stream == STREAM, s.delivery_id.in_(delivery_ids))
        .group_by(s.delivery_id, s.billing_period, s.currency)
    )  # fmt: skip
    result: dict[str, dict[str, Figures]] = {}
    for delivery, period, currency, events, billed, effective in await conn.execute(query):
        figures = {"events": int(events), "BilledCost": billed, "EffectiveCost": effective}
        result.setdefault(delivery, {})[f"{period} {currency}"] = figures
    return result


async def progress(conn: AsyncConnection, delivery_ids: Collection[str]) -> dict[str, dict[int, int]]:
    """How far each delivery is read: delivery -> partition -> next expected sequence."""
    p = costs.progress.c
    query = select(p.delivery_id, p.partition, p.next_sequence).where(
        p.stream == STREAM, p.delivery_id.in_(delivery_ids)
    )
    result: dict[str, dict[int, int]] = {}
    for delivery, partition, sequence in await conn.execute(query):
        result.setdefault(delivery, {})[partition] = sequence
    return result
