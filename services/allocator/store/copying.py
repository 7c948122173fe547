"""COPY into a staging table of the connection, then one statement: the fastest exact way to upsert many rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def copy_and_execute(
    conn: AsyncConnection,
    staging: str,
    columns: dict[str, str],
    rows: Sequence[tuple[Any, ...]],
    statement: str,
    **values: object,
) -> None:
    """Copy rows to a temporary table, and run a statement that reads it.

    Args:
        staging: name of the temporary table; emptied when the transaction ends.
        columns: its column names with their SQL types, in the order of the rows' values.
        values: what the statement's parameters stand for.
    """
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    await conn.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {staging} ({declared}) ON COMMIT DELETE ROWS"))
    raw = await conn.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table(staging, records=rows, columns=list(columns), schema_name="pg_temp")
    await conn.execute(text(statement), values)
    await conn.execute(text(f"TRUNCATE pg_temp.{staging}"))
