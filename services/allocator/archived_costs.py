"""Buckets from the archive instead of the topic: the same costs, added up by DuckDB over the archived rows.

For simulations and explanations without a running stack, and for dimensions that the stream does not collect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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


@contextmanager
def archived_stages(
    archive: Path, billing_period: str, stages: Sequence[Collection[str]]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """Ask a billing period's rows as they were in force after some deliveries, then after others. Blocking.

    Args:
        stages: the deliveries of each; a stage may have no rows.

    Returns:
        a connection, and for each stage the name of the view that has its rows.

    Raises:
        ArchiveUnreadable: if the directory is no whole archive. NoCosts: if no stage has any rows.
    """
    rows = [in_force(archive, billing_period, known) for known in stages]
    some = next(filter(None, rows), None)
    if some is None:
        raise NoCosts(f"no delivery of {billing_period} that was allocated has rows in {archive}")
    with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
        yield connection, [_view(connection, one or _none(some), f"costs_{n}") for n, one in enumerate(rows)]


def _none(rows: Sequence[RowsInForce]) -> list[RowsInForce]:
    """The same files with nothing taken from them."""
    return [one._replace(billing_account_ids=()) for one in rows[:1]]


def _view(connection: duckdb.DuckDBPyConnection, rows: Sequence[RowsInForce], name: str = "costs") -> str:
    """Make the rows in force a view; returns its name."""
    parts = []
    for path, accounts in rows:
        payers = ", ".join(text(account) for account in accounts)
        taken = f"BillingAccountId IN ({payers})" if payers else "false"
        parts.append(f"SELECT * FROM read_parquet({text(str(path))}) WHERE {taken}")  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}")
    return name


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
