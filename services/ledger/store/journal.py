"""The journal: entries and postings, only ever added to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.accounts import Chart
from services.ledger.domain.chain import heads
from services.ledger.domain.entries import Entry, PostedDifferently, Posting
from services.ledger.store.tables import entries, postings


async def post(conn: AsyncConnection, billing_period: str, journal: Sequence[Entry]) -> str:
    """Post a period's journal and return the head of its chain. Posting the same journal again changes nothing.

    Raises:
        PostedDifferently: if a source is posted already with other content, or the period has another journal.
    """
    e = entries.c
    posted = await conn.execute(select(e.source, e.content).where(e.billing_period == billing_period))
    known = {source: content for source, content in posted}  # noqa: C416
    chain = heads(billing_period, journal)
    for entry in journal:
        if known and known.get(entry.source) != entry.content_hash():
            raise PostedDifferently(entry.source, known.get(entry.source, "nothing"), entry.content_hash())
    if not known:
        await _insert(conn, journal, chain)
    return chain[-1]


async def _insert(conn: AsyncConnection, journal: Sequence[Entry], chain: Sequence[str]) -> None:
    rows, legs = [], []
    for ordinal, (entry, head) in enumerate(zip(journal, chain, strict=True), start=1):
        place = {"billing_period": entry.billing_period, "ordinal": ordinal}
        rows.append(
            place
            | {
                "source": entry.source, "currency": entry.currency, "description": entry.description,
                "reference": entry.reference, "rule_version": entry.rule_version,
                "content": entry.content_hash(), "head": head,
            }
        )  # fmt: skip
        for line, (chart, party, amount) in enumerate(entry.postings, start=1):
            legs.append(place | {"line": line, "chart": chart.value, "party": party, "amount": amount})
    await conn.execute(entries.insert(), rows)
    await conn.execute(postings.insert(), legs)


async def read(conn: AsyncConnection, billing_period: str) -> tuple[list[Entry], list[str]]:
    """A period's posted entries in order, and the stored chain head after each.

    Raises:
        Unbalanced: if a stored posting was changed so that its entry does not balance any more.
    """
    legs: dict[int, list[Posting]] = {}
    p = postings.c
    query = select(p.ordinal, p.chart, p.party, p.amount).where(p.billing_period == billing_period)
    for ordinal, chart, party, amount in await conn.execute(query.order_by(p.ordinal, p.line)):
        legs.setdefault(ordinal, []).append(Posting(Chart(chart), party, amount))
    rows = await conn.execute(
        select(entries).where(entries.c.billing_period == billing_period).order_by(entries.c.ordinal)
    )
    journal, chain = [], []
    for row in rows:
        journal.append(
            Entry(
                row.source, row.billing_period, row.currency, row.description, row.reference,
                tuple(legs.get(row.ordinal, ())), row.rule_version,
            )
        )  # fmt: skip
        chain.append(row.head)
    return journal, chain


async def lengths(conn: AsyncConnection) -> dict[str, int]:
    """How many entries each period has."""
    query = select(entries.c.billing_period, func.count()).group_by(entries.c.billing_period)
    return {billing_period: length for billing_period, length in await conn.execute(query)}  # noqa: C416
