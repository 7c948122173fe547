"""The current allocation lines of each billing period, and the runs that made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sys import intern
from typing import Any, NamedTuple

from sqlalchemy import Text, any_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.key_figures import RuleSums
from services.allocator.line_content import LineContent
from services.allocator.store.copying import copy_and_execute
from services.allocator.store.tables import allocations, runs

_STAGED = {
    "allocation_id": "text", "billing_period": "text", "cost_center": "text", "revision": "int",
    "content_hash": "bytea", "live": "boolean", "rule_set_version": "text", "body": "bytea",
}  # fmt: skip
_UPSERT = f"""
    INSERT INTO {allocations.fullname} ({", ".join(_STAGED)}) SELECT * FROM pg_temp.staged_lines
    ON CONFLICT (allocation_id) DO UPDATE SET revision = excluded.revision, content_hash = excluded.content_hash,
    live = excluded.live, rule_set_version = excluded.rule_set_version, body = excluded.body
"""  # noqa: S608


class KnownLine(NamedTuple):
    """What is known of a line without its body."""

    revision: int
    content_hash: bytes
    live: bool
    rule_set_version: str


class ChangedLine(NamedTuple):
    """A line that a run changes, with its next revision and its bytes on the topic."""

    line: LineContent
    revision: int
    live: bool
    body: bytes


class NewestRun(NamedTuple):
    """A run's contract bytes, and what key figures are made from, unless it is from before they were kept."""

    body: bytes
    figures: dict[str, Any] | None


async def known(conn: AsyncConnection, billing_period: str) -> dict[str, KnownLine]:
    """Every line of a billing period that ever was, by id."""
    c = allocations.c
    query = select(c.allocation_id, c.revision, c.content_hash, c.live, c.rule_set_version)
    rows = await conn.execute(query.where(c.billing_period == billing_period))
    return {row[0]: KnownLine(row[1], row[2], row[3], intern(row[4])) for row in rows}


async def bodies(conn: AsyncConnection, allocation_ids: Sequence[str]) -> list[bytes]:
    """The contract bytes of some lines."""
    query = select(allocations.c.body).where(
        allocations.c.allocation_id == any_(cast(list(allocation_ids), ARRAY(Text)))
    )
    return list(await conn.scalars(query.order_by(allocations.c.allocation_id)))


async def write(conn: AsyncConnection, billing_period: str, changed: Iterable[ChangedLine]) -> None:
    """Write changed lines with their new revisions."""
    rows = [
        (
            line.allocation_id,
            billing_period,
            line.cost_center,
            revision,
            line.content_hash,
            live,
            line.rule_set_version,
            body,
        )
        for line, revision, live, body in changed
    ]
    if rows:
        await copy_and_execute(conn, "staged_lines", _STAGED, rows, _UPSERT)


async def page(
    conn: AsyncConnection, billing_period: str, cost_center: str | None, limit: int, after: str
) -> list[tuple[str, bytes]]:
    """Live lines in the order of their ids, from after one on: id and contract bytes."""
    c = allocations.c
    query = select(c.allocation_id, c.body).where(c.billing_period == billing_period, c.live, c.allocation_id > after)
    if cost_center is not None:
        query = query.where(c.cost_center == cost_center)
    return [(row[0], row[1]) for row in await conn.execute(query.order_by(c.allocation_id).limit(limit))]


async def live_bodies(conn: AsyncConnection, billing_period: str, cost_center: str | None = None) -> list[bytes]:
    """The contract bytes of a month's live lines, or of one cost center's."""
    query = select(allocations.c.body).where(allocations.c.billing_period == billing_period, allocations.c.live)
    if cost_center is not None:
        query = query.where(allocations.c.cost_center == cost_center)
    return list(await conn.scalars(query))


async def latest_run(conn: AsyncConnection, billing_period: str) -> tuple[str, bytes] | None:
    """The inputs hash and the contract bytes of a billing period's last run."""
    query = select(runs.c.inputs, runs.c.body).where(runs.c.billing_period == billing_period)
    row = (await conn.execute(query.order_by(runs.c.ordinal.desc()).limit(1))).one_or_none()
    return None if row is None else (row.inputs, row.body)


async def run_body(conn: AsyncConnection, run_id: str) -> bytes | None:
    """The contract bytes of a run."""
    body: bytes | None = await conn.scalar(select(runs.c.body).where(runs.c.run_id == run_id))
    return body


async def times_run(conn: AsyncConnection, inputs: str) -> int:
    """How many runs there were with exactly these inputs: it comes back when rules are changed and changed back."""
    return int(await conn.scalar(select(func.count()).where(runs.c.inputs == inputs)) or 0)


async def add_run(
    conn: AsyncConnection, row: dict[str, Any], sums: RuleSums, rule_ids: Sequence[str], by_tag: list[dict[str, str]]
) -> None:
    """Keep a finished run, with what key figures are made from."""
    now = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    before = next(iter(await newest_runs(conn, row["billing_period"])), None)
    figures = sums.figures(rule_ids, before.figures if before else None, now) | {"by_tag": by_tag}
    await conn.execute(insert(runs).values(row | {"finished_at": now, "figures": figures}))


async def newest_runs(conn: AsyncConnection, billing_period: str | None = None) -> list[NewestRun]:
    """The newest run of one or of every billing period."""
    newest = select(func.max(runs.c.ordinal)).group_by(runs.c.billing_period)
    if billing_period is not None:
        newest = newest.where(runs.c.billing_period == billing_period)
    query = select(runs.c.body, runs.c.figures).where(runs.c.ordinal.in_(newest)).order_by(runs.c.billing_period)
    return [NewestRun(row.body, row.figures) for row in await conn.execute(query)]


async def run_list(conn: AsyncConnection, billing_period: str | None, limit: int) -> list[dict[str, Any]]:
    """Finished runs, the newest first: contract bytes, when, how long."""
    query = select(runs.c.body, runs.c.finished_at, runs.c.seconds).order_by(runs.c.ordinal.desc()).limit(limit)
    if billing_period is not None:
        query = query.where(runs.c.billing_period == billing_period)
    return [dict(row._mapping) for row in await conn.execute(query)]
