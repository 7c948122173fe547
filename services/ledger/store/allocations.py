"""Allocation lines, newest revision each, and what they add up to."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.facts import AllocationTotal
from services.ledger.domain.hand_overs import Figures
from services.ledger.store.tables import NO_INVOICE, allocations
from services.ledger.store.versions import Version
from shared.events import Allocation, AllocationRun, decode
from shared.events.allocations import line_content
from shared.money import ZERO, add


def version(record: Any) -> Version:
    """An allocation line as it is stored."""
    line = decode(Allocation, record.value)
    content = hashlib.sha256(line_content(line)).digest()
    row = {
        "allocation_id": line.allocation_id, "revision": line.revision, "billing_period": line.billing_period,
        "currency": line.currency, "cost_center": line.cost_center, "kind": line.kind,
        "issuer": line.origin.issuer, "invoice_id": line.origin.invoice_id or NO_INVOICE,
        "billed_cost": line.billed_cost, "effective_cost": line.effective_cost,
        "withdrawn": line.withdrawn, "content": content,
    }  # fmt: skip
    return Version(record, line.allocation_id, line.revision, content, row)


async def of_period(conn: AsyncConnection, billing_period: str) -> list[AllocationTotal]:
    """The live lines of a period, added up."""
    a = allocations.c
    keys = (a.currency, a.cost_center, a.kind, a.issuer, a.invoice_id)
    query = (
        select(*keys, func.count(), func.sum(a.billed_cost), func.sum(a.effective_cost))
        .where(a.billing_period == billing_period, ~a.withdrawn)
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        AllocationTotal(currency, cost_center, kind, issuer, invoice or None, lines, billed, effective)
        for currency, cost_center, kind, issuer, invoice, lines, billed, effective in await conn.execute(query)
    ]


async def lines_hash(conn: AsyncConnection, billing_period: str) -> str:
    """The order-free hash of a period's live lines, as a run states it."""
    a = allocations.c
    query = select(a.content).where(a.billing_period == billing_period, ~a.withdrawn)
    contents = (await conn.execute(query)).scalars()
    return f"{sum(int.from_bytes(content, 'big') for content in contents) % 2**256:064x}"


def figures(totals: list[AllocationTotal]) -> dict[str, Figures]:
    """What a run's control totals should say, by currency."""
    result: dict[str, dict[str, int | Decimal | str]] = {}
    for one in totals:
        found = result.setdefault(one.currency, {"lines": 0})
        place = "suspense" if one.kind == "suspense" else "allocated"
        found["lines"] = int(found["lines"]) + one.lines
        for basis, amount in (("BilledCost", one.billed), ("EffectiveCost", one.effective)):
            found[f"{place} {basis}"] = add(Decimal(found.get(f"{place} {basis}", ZERO)), amount)
    return {currency: found for currency, found in result.items()}  # noqa: C416


def said(run: AllocationRun) -> dict[str, Figures]:
    """What a run's control totals do say, by currency; a currency without lines says nothing."""
    return {
        one.currency: {
            "lines": one.lines,
            "allocated BilledCost": one.allocated_billed, "allocated EffectiveCost": one.allocated_effective,
            "suspense BilledCost": one.suspense_billed, "suspense EffectiveCost": one.suspense_effective,
        }
        for one in run.totals
    }  # fmt: skip
