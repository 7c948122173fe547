"""Which months follow another one: a new run of it changes what their refunds are split by."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.charged import looks_at_earlier_months
from services.allocator.planning import load_version
from services.allocator.store import records, requests, rule_sets


async def months_following(conn: AsyncConnection, billing_period: str) -> AsyncIterator[str]:
    """Later months that are not closed, and whose rules look at earlier months."""
    for later in await requests.known_periods(conn):
        version = await rule_sets.in_force(conn, later) if later > billing_period else None
        if version is None:
            continue
        known = await records.period(conn, later)
        is_open = known is None or known.state != "closed"
        if is_open and looks_at_earlier_months((await load_version(conn, version)).rule_set):
            yield later
