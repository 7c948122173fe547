"""Buckets from the archive instead of the topic: the same costs, added up by DuckDB over the archived rows.

For simulations and explanations without a running stack, and for dimensions that the stream does not collect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from services.allocator.domain.buckets import GRAIN, Bucket, Buckets, Values
from services.allocator.domain.rule_set import CHARGE_DAY, CHARGE_MONTH
from shared.archive import RowsInForce, in_force
from shared.focus import COLUMNS

_TAG: Final = "tag:"
_MEMORY: Final = "512MB"


class NoCosts(ValueError):
    """The archive has no rows of a billing period."""


def archived_buckets(archive: Path, billing_period: str, dimensions: Sequence[str]) -> Buckets:
    """Add up a billing period's archived rows by the line grain and some more dimensions. Blocking.

    Raises:
        ArchiveUnreadable: if the directory is no whole archive. NoCosts: if nothing is in force for the period.
    """
    names = (*GRAIN, *(name for name in dict.fromkeys(dimensions) if name not in GRAIN))
    columns = ", ".join(expression(name) for name in names)
    with archived_rows(archive, billing_period) as (connection, source):
        found = connection.execute(
            f"SELECT {columns}, sum(BilledCost), sum(EffectiveCost), count(*) FROM {source} GROUP BY ALL"  # noqa: S608
        )
        return Buckets(billing_period, names, [_bucket(row) for row in found.fetchall()])


@contextmanager
def archived_rows(archive: Path, billing_period: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Ask a billing period's rows in force by SQL: a connection, and the name of the view that has them. Blocking.

    Raises:
        ArchiveUnreadable: if the directory is no whole archive. NoCosts: if nothing is in force for the period.
    """
    rows = in_force(archive, billing_period)
    if not rows:
        raise NoCosts(f"nothing is in force for {billing_period} in {archive}: was that month delivered?")
    with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
        yield connection, _view(connection, rows)


def _view(connection: duckdb.DuckDBPyConnection, rows: Sequence[RowsInForce]) -> str:
    """Make the rows in force a view; returns its name."""
    parts = []
    for path, accounts in rows:
        payers = ", ".join(text(account) for account in accounts)
        parts.append(f"SELECT * FROM read_parquet({text(str(path))}) WHERE BillingAccountId IN ({payers})")  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP VIEW costs AS {' UNION ALL BY NAME '.join(parts)}")
    return "costs"


def expression(dimension: str) -> str:
    """The SQL for the value of a dimension: text, or NULL where the charge does not have it."""
    if dimension == CHARGE_DAY:
        return f"CAST({CHARGE_DAY} AS VARCHAR)"
    if dimension == CHARGE_MONTH:
        return f"left(CAST({CHARGE_DAY} AS VARCHAR), 7)"
    if dimension.startswith(_TAG):
        return f"json_extract_string(CAST(Tags AS VARCHAR), {text(_pointer(dimension.removeprefix(_TAG)))})"
    if dimension.startswith("x_"):
        return f"json_extract_string(CAST(custom AS VARCHAR), {text(_pointer(dimension))})"
    assert dimension in COLUMNS, dimension
    return f'CAST("{dimension}" AS VARCHAR)'


def text(value: str) -> str:
    """A SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _pointer(key: str) -> str:
    """A JSON pointer to a key of an object (RFC 6901), which takes every character literally."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _bucket(row: tuple[Any, ...]) -> Bucket:
    values: Values = row[:-3]
    return Bucket(values, row[-3], row[-2], row[-1])
