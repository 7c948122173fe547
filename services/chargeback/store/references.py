"""What other services say about periods, runs and cost centers: few rows, kept by id and revision."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.chargeback.store.tables import allocation_runs, cost_centers, periods
from shared.errors import Conflict
from shared.events import AllocationRun, CostCenter, Period, decode, encode


async def keep_run(conn: AsyncConnection, run: AllocationRun) -> None:
    """Keep the final allocation run of a close; the same again does nothing, and previews are not for invoices.

    Raises:
        Conflict: if the close has another final run already.
    """
    if run.kind == "preview" or run.close_id is None:
        return
    known, body = await _body(conn, allocation_runs, allocation_runs.c.close_id, run.close_id), encode(run)
    if known is not None and known != body:
        raise Conflict("final allocation run of close", run.close_id, 1)
    await conn.execute(insert(allocation_runs).values(close_id=run.close_id, body=body).on_conflict_do_nothing())


async def keep_cost_center(conn: AsyncConnection, center: CostCenter) -> None:
    """Keep a cost center if its revision is the newest.

    Raises:
        Conflict: if this revision is known with other content.
    """
    await _keep_newest(conn, cost_centers, "cost_center_id", center.cost_center_id, center.revision, encode(center))


async def keep_period(conn: AsyncConnection, period: Period) -> None:
    """Keep a period's state if its revision is the newest.

    Raises:
        Conflict: if this revision is known with other content.
    """
    await _keep_newest(conn, periods, "billing_period", period.billing_period, period.revision, encode(period))


async def period(conn: AsyncConnection, billing_period: str) -> Period | None:
    """The state of a period as the ledger last said it."""
    body = await _body(conn, periods, periods.c.billing_period, billing_period)
    return None if body is None else decode(Period, body)


async def all_periods(conn: AsyncConnection) -> list[Period]:
    """All periods, oldest first."""
    bodies = (await conn.execute(select(periods.c.body).order_by(periods.c.billing_period))).scalars()
    return [decode(Period, body) for body in bodies]


async def final_run(conn: AsyncConnection, close_id: str) -> AllocationRun | None:
    """The final allocation run of a close."""
    body = await _body(conn, allocation_runs, allocation_runs.c.close_id, close_id)
    return None if body is None else decode(AllocationRun, body)


async def known_cost_centers(conn: AsyncConnection, ids: Iterable[str]) -> dict[str, CostCenter]:
    """Those of the cost centers that are known, by id."""
    query = select(cost_centers.c.body).where(cost_centers.c.cost_center_id.in_(sorted(ids)))
    centers = [decode(CostCenter, body) for body in (await conn.execute(query)).scalars()]
    return {center.cost_center_id: center for center in centers}


async def _keep_newest(conn: AsyncConnection, table: Table, key: str, value: str, revision: int, body: bytes) -> None:
    query = select(table.c.revision, table.c.body).where(table.c[key] == value).with_for_update()
    known = (await conn.execute(query)).one_or_none()
    if known is not None and known.revision == revision and known.body != body:
        raise Conflict(table.name, value, revision)
    if known is not None and known.revision >= revision:
        return
    new = {"revision": revision, "body": body}
    await conn.execute(
        insert(table).values(**{key: value}, **new).on_conflict_do_update(index_elements=[key], set_=new)
    )


async def _body(conn: AsyncConnection, table: Table, column: Column[str], value: str) -> bytes | None:
    body = (await conn.execute(select(table.c.body).where(column == value))).scalar_one_or_none()
    return None if body is None else bytes(body)
