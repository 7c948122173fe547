"""Driver measurements: every revision that arrived, numbered; one of each measurement is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, and_, bindparam, cast, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.drivers import Measurement, Window
from services.allocator.store.copying import copy_and_execute
from services.allocator.store.tables import driver_metrics, driver_revisions, driver_writes

_STAGED = {
    "ordinal": "bigint", "measurement_id": "text", "revision": "int", "metric": "text", "subject": "text",
    "quantity": "text", "unit": "text", "window_start": "timestamptz", "window_end": "timestamptz", "source": "text",
    "withdrawn": "boolean", "content_hash": "text", "superseded_by": "bigint",
}  # fmt: skip
_INSERT = f"""
    INSERT INTO {driver_revisions.fullname} ({", ".join(_STAGED)})
    SELECT {", ".join("CAST(quantity AS numeric)" if name == "quantity" else name for name in _STAGED)}
    FROM pg_temp.staged_measurements
"""  # noqa: S608
_SUPERSEDE = text(
    f"UPDATE {driver_revisions.fullname} AS r SET superseded_by = v.after "  # noqa: S608
    "FROM unnest(:before, :after) AS v (before, after) WHERE r.ordinal = v.before"
).bindparams(bindparam("before", type_=ARRAY(BigInteger)), bindparam("after", type_=ARRAY(BigInteger)))

_READ_BACK = text(
    f"DELETE FROM {driver_writes.fullname} AS w USING unnest(:keys, :revisions) AS r (key, revision) "  # noqa: S608
    "WHERE w.measurement_id = r.key AND w.revision <= r.revision"
).bindparams(bindparam("keys", type_=ARRAY(Text)), bindparam("revisions", type_=ARRAY(Integer)))
_WRITTEN = text(
    f"INSERT INTO {driver_writes.fullname} (measurement_id, revision, content_hash) "  # noqa: S608
    "SELECT * FROM unnest(:keys, :revisions, :hashes) ON CONFLICT (measurement_id) DO UPDATE "
    "SET revision = excluded.revision, content_hash = excluded.content_hash"
).bindparams(
    bindparam("keys", type_=ARRAY(Text)),
    bindparam("revisions", type_=ARRAY(Integer)),
    bindparam("hashes", type_=ARRAY(Text)),
)


class Known(NamedTuple):
    """The revision of a measurement that is in force."""

    ordinal: int
    revision: int
    content_hash: str
    withdrawn: bool


class Metric(NamedTuple):
    """A metric's unit, and how many of its measurements are in force and not withdrawn."""

    unit: str
    measurements: int


class Written(NamedTuple):
    """The newest revision of a measurement that is known of."""

    revision: int
    content_hash: str


async def in_force(conn: AsyncConnection, ids: Iterable[str]) -> dict[str, Known]:
    """The revisions in force of some measurements."""
    c = driver_revisions.c
    query = select(c.measurement_id, c.ordinal, c.revision, c.content_hash, c.withdrawn)
    query = query.where(_among(c.measurement_id, ids), c.superseded_by.is_(None))
    return {row[0]: Known(*row[1:]) for row in await conn.execute(query)}


async def metrics(conn: AsyncConnection, names: Iterable[str]) -> dict[str, Metric]:
    """What is known of some metrics."""
    c = driver_metrics.c
    query = select(c.metric, c.unit, c.measurements).where(_among(c.metric, names))
    return {row.metric: Metric(row.unit, row.measurements) for row in await conn.execute(query)}


async def last_ordinal(conn: AsyncConnection) -> int:
    """The number of the last revision that arrived; 0 if there is none."""
    return int(await conn.scalar(select(func.max(driver_revisions.c.ordinal))) or 0)


async def add(
    conn: AsyncConnection,
    rows: Sequence[Mapping[str, Any]],
    superseded: Mapping[int, int],
    changed_metrics: Mapping[str, Metric],
) -> None:
    """Keep revisions that arrived.

    Args:
        rows: in the columns of the table, quantities as text.
        superseded: from the ordinal of a kept revision to that of the one that follows it.
    """
    if not rows:
        return
    if superseded:
        await conn.execute(_SUPERSEDE, {"before": list(superseded), "after": list(superseded.values())})
    await copy_and_execute(
        conn, "staged_measurements", _STAGED, [tuple(row[name] for name in _STAGED) for row in rows], _INSERT
    )
    statement = insert(driver_metrics)
    update = {name: statement.excluded[name] for name in ("unit", "measurements")}
    values = [{"metric": name} | metric._asdict() for name, metric in sorted(changed_metrics.items())]
    await conn.execute(statement.on_conflict_do_update(index_elements=["metric"], set_=update), values)
    newest = {row["measurement_id"]: row["revision"] for row in rows}
    await conn.execute(_READ_BACK, {"keys": list(newest), "revisions": list(newest.values())})


async def newest_known(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Written]:
    """The newest revision of some measurements, in force or on its way."""
    found = {key: Written(known.revision, known.content_hash) for key, known in (await in_force(conn, ids)).items()}
    c = driver_writes.c
    for row in await conn.execute(select(driver_writes).where(_among(c.measurement_id, ids))):
        if row.measurement_id not in found or found[row.measurement_id].revision < row.revision:
            found[row.measurement_id] = Written(row.revision, row.content_hash)
    return found


async def note_written(conn: AsyncConnection, written: Mapping[str, Written]) -> None:
    """Remember what is on its way, in the transaction that sends it."""
    revisions, hashes = ([one[i] for one in written.values()] for i in (0, 1))
    await conn.execute(_WRITTEN, {"keys": list(written), "revisions": revisions, "hashes": hashes})


async def of_run(
    conn: AsyncConnection, used: Mapping[str, int], window: Window, as_of: int | None = None
) -> list[tuple[str, Measurement]]:
    """Every measurement in force that a run over a window may look at, with its metric, in no order.

    That is what overlaps the window; and where last known values count, what ended so many days before it or later, and
    whatever overlaps that.

    Args:
        used: metrics with their days of look-back.
        as_of: instead of those in force now, those that were when so many had arrived.
    """
    c = driver_revisions.c
    found: list[tuple[str, Measurement]] = []
    for metric, days in sorted(used.items()):
        mine = [c.metric == metric, _in_force(as_of), ~c.withdrawn, c.window_start < window.end]
        ended: ColumnElement[Any] = cast(window.start, c.window_end.type)
        if days:
            reach = [*mine, c.window_end >= window.start - timedelta(days=days)]
            ended = func.least(ended, select(func.min(c.window_start)).where(*reach).scalar_subquery())
        query = select(c.subject, c.quantity, c.window_start, c.window_end).where(*mine, c.window_end > ended)
        rows = await conn.execute(query)
        found += [(metric, Measurement(row[0], row[1], Window(row[2], row[3]))) for row in rows]
    return found


async def page(
    conn: AsyncConnection, metric: str, window: Window, as_of: int | None, after: str, limit: int
) -> list[dict[str, Any]]:
    """Measurements of a metric that overlap a window, by id: those in force, or that were when `as_of` had arrived."""
    c = driver_revisions.c
    query = select(driver_revisions).where(
        c.metric == metric, ~c.withdrawn, c.window_start < window.end, c.window_end > window.start,
        c.measurement_id > after,
    )  # fmt: skip
    rows = await conn.execute(query.where(_in_force(as_of)).order_by(c.measurement_id).limit(limit))
    return [dict(row._mapping) for row in rows]


async def metric_list(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Every metric with its unit, how many measurements and subjects it has, and the time they are about."""
    c = driver_revisions.c
    query = (
        select(
            c.metric, func.any_value(c.unit).label("unit"), func.count().label("measurements"),
            func.count(c.subject.distinct()).label("subjects"), func.min(c.window_start).label("first"),
            func.max(c.window_end).label("last"),
        )
        .where(c.superseded_by.is_(None), ~c.withdrawn)
        .group_by(c.metric)
        .order_by(c.metric)
    )  # fmt: skip
    return [dict(row._mapping) for row in await conn.execute(query)]


def _in_force(as_of: int | None) -> ColumnElement[bool]:
    c = driver_revisions.c
    if as_of is None:
        return c.superseded_by.is_(None)
    return and_(c.ordinal <= as_of, or_(c.superseded_by.is_(None), c.superseded_by > as_of))


def _among(column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    """A join, because `= ANY` of thousands of values compares each row with each of them."""
    return column.in_(select(func.unnest(cast(sorted(set(values)), ARRAY(Text)))))
