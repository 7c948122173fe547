"""The arithmetic of a delivery on its keys: occurrence numbers, the difference to what was in force, sequences, sums.

DuckDB does it in a file of the spool with a memory limit, so that it works at any size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from services.intake.domain.delivery import Scope
from services.intake.domain.styles import Style
from services.intake.spool import Part
from shared.events import Totals

_MEMORY: Final = "24MB"
"""Adding keys and reading the plan take no longer with it, and what runs beside them is what needs memory then."""
PLANNING_MEMORY: Final = "160MB"
"""What numbering the rows may take; nothing else runs beside it. 10,000,000 rows are numbered in 96 MB as well, a
little slower; more would be the peak of the service.
"""

_KEYS_AT_ONCE: Final = 50_000
_PLANNED_AT_ONCE: Final = 50_000
_TABLES: Final = """
CREATE TABLE parts(number INTEGER, kind VARCHAR, first_position BIGINT, rows BIGINT);
CREATE TABLE keys(
    position BIGINT, row_hash UUID, account VARCHAR, period VARCHAR, currency VARCHAR, partition INTEGER,
    billed DECIMAL(38,18), effective DECIMAL(38,18));
CREATE TABLE retracted(
    position BIGINT, row_hash UUID, occurrence INTEGER, period VARCHAR, currency VARCHAR, partition INTEGER,
    billed DECIMAL(38,18), effective DECIMAL(38,18));
CREATE TABLE former(row_hash UUID, occurrence INTEGER, path VARCHAR, row BIGINT);
CREATE TABLE gone(row_hash UUID, occurrence INTEGER, path VARCHAR, row BIGINT);
CREATE TABLE kept(
    period VARCHAR, currency VARCHAR, events BIGINT, billed DECIMAL(38,18), effective DECIMAL(38,18));
"""
_REPEATED: Final = "CREATE TEMP TABLE repeated AS SELECT row_hash FROM keys GROUP BY row_hash HAVING count(*) > 1"
_NUMBER: Final = """
CREATE TABLE numbered AS
SELECT k.*, f.row_hash IS NULL AS published
FROM (
    SELECT *, 0::INTEGER AS occurrence FROM keys ANTI JOIN repeated USING (row_hash)
    UNION ALL
    SELECT *, (row_number() OVER (PARTITION BY row_hash ORDER BY position) - 1)::INTEGER
    FROM keys SEMI JOIN repeated USING (row_hash)
) k
LEFT JOIN former f ON f.row_hash = k.row_hash AND f.occurrence = k.occurrence
"""
"""Few rows are like another one, and putting all of them in order takes three times as long."""

_GONE: Final = """
INSERT INTO gone SELECT f.* FROM former f ANTI JOIN numbered n USING (row_hash, occurrence) ORDER BY path, row
"""
_PLAN: Final = """
CREATE TABLE plan AS
SELECT position, row_hash, occurrence, partition,
    CASE WHEN published THEN row_number() OVER (PARTITION BY published, partition ORDER BY position) - 1 END AS sequence
FROM (
    SELECT position, row_hash, occurrence, partition, published FROM numbered
    UNION ALL SELECT position, row_hash, occurrence, partition, true FROM retracted
) ORDER BY position
"""
_PUBLISHED: Final = """
SELECT period, currency, billed, effective FROM numbered WHERE published
UNION ALL SELECT period, currency, billed, effective FROM retracted
"""
_KEPT: Final = """
INSERT INTO kept SELECT billing_period, BillingCurrency, count(*), sum(BilledCost), sum(EffectiveCost)
FROM read_parquet($path) WHERE BillingAccountId IN (SELECT unnest($accounts)) GROUP BY ALL
"""
_APPENDED: Final = """
SELECT * FROM kept
UNION ALL SELECT period, currency, count(*), sum(billed), sum(effective) FROM numbered WHERE published GROUP BY ALL
"""


class Gone(NamedTuple):
    """A row that was in force and is not in the delivery: where it is in the archive, and its occurrence number."""

    row: int
    occurrence: int


class Work:
    """The work database of one delivery."""

    def __init__(self, path: Path, *, fresh: bool = False, memory: str = _MEMORY) -> None:
        directory = str(path.parent / "temporary")
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 2,
            "memory_limit": memory,
            "temp_directory": directory,
        }
        self._connection: Any = duckdb.connect(str(path), config=config)
        self._keys: list[pa.Table] = []
        self._adder = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._adding: Future[None] | None = None
        self._parts: list[Part] = []
        self._former: list[tuple[Path, Sequence[str]]] = []
        if fresh:
            self._connection.execute(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; its file stays."""
        self._adder.shutdown()
        self._connection.close()

    def allow(self, memory: str) -> None:
        """Change how much memory the database may take. Opening it anew would do, and takes 40 ms."""
        self._connection.execute(f"SET memory_limit = '{memory}'")

    def cursor(self) -> Any:
        """Another DuckDB connection, for another thread."""
        return self._connection.cursor()

    def add_rows(self, part: Part, keys: pa.Table) -> None:
        """Note a part of accepted rows. Keys are added to the database some parts at a time, in a thread beside the
        caller's; nothing else may be asked of the database before `finish_rows`.
        """
        self._parts.append(part)
        self._keys.append(_with_positions(part, keys))
        if sum(one.num_rows for one in self._keys) >= _KEYS_AT_ONCE:
            self._add_keys()

    def finish_rows(self) -> None:
        """Add what is left of the keys, and wait for all of them."""
        self._add_keys()
        self._wait_for_keys()
        self._add_parts()

    def _add_keys(self) -> None:
        self._wait_for_keys()
        keys, self._keys = self._keys, []
        if keys:
            self._adding = self._adder.submit(self._insert_keys, pa.concat_tables(keys))

    def _wait_for_keys(self) -> None:
        adding, self._adding = self._adding, None
        if adding is not None:
            adding.result()

    def _insert_keys(self, keys: pa.Table) -> None:
        self._connection.register("new_keys", keys)
        self._connection.execute(
            "INSERT INTO keys SELECT position, row_hash::UUID, "
            "BillingAccountId, billing_period, BillingCurrency, partition, BilledCost, EffectiveCost FROM new_keys"
        )
        self._connection.unregister("new_keys")

    def add_retractions(self, part: Part, rows: pa.Table) -> None:
        """Note a part of retractions."""
        self._parts.append(part)
        self._add_parts()
        self._connection.register("part_rows", _with_positions(part, rows))
        self._connection.execute(
            "INSERT INTO retracted SELECT position, row_hash::UUID, occurrence, billing_period, BillingCurrency, "
            "partition, BilledCost, EffectiveCost FROM part_rows"
        )

    def scopes(self) -> list[Scope]:
        """The scopes that occur in the delivery."""
        rows = self._connection.execute("SELECT DISTINCT account, period FROM keys ORDER BY ALL").fetchall()
        return [Scope(*row) for row in rows]

    def add_former(self, path: Path, accounts: Sequence[str], style: Style = Style.OVERWRITE) -> None:
        """Note what is in force for some accounts, from one archived file.

        Compared with a snapshot, rows count as what they became; with rows to append, as what was delivered, so that
        other tag rules don't make a row look new.
        """
        self._former.append((path, accounts))
        known = style is Style.APPEND and "identity" in pq.read_schema(path).names
        recognised_by = "coalesce(identity, row_hash)" if known else "row_hash"
        self._connection.execute(
            f"INSERT INTO former SELECT {recognised_by}::UUID, occurrence, $path, file_row_number "  # noqa: S608
            "FROM read_parquet($path, file_row_number = true) WHERE BillingAccountId IN (SELECT unnest($accounts))",
            {"path": str(path), "accounts": list(accounts)},
        )

    def compare(self) -> None:
        """Number equal rows and find out what is new and what is gone."""
        self._number()
        self._connection.execute(_GONE)

    def compare_appended(self) -> None:
        """Number equal rows and find out what is new; nothing goes, and what is in force counts beside what is new."""
        self._number()
        for path, accounts in self._former:
            self._connection.execute(_KEPT, {"path": str(path), "accounts": list(accounts)})

    def _number(self) -> None:
        self._connection.execute(_REPEATED)
        self._connection.execute(_NUMBER)

    def scopes_added_to(self) -> list[Scope]:
        """The scopes that new rows are in."""
        query = "SELECT DISTINCT account, period FROM numbered WHERE published ORDER BY ALL"
        return [Scope(*row) for row in self._connection.execute(query).fetchall()]

    def gone_files(self) -> list[str]:
        """The archived files that rows are gone from."""
        return [path for (path,) in self._connection.execute("SELECT DISTINCT path FROM gone ORDER BY path").fetchall()]

    def gone(self, path: str, first_row: int, rows: int) -> list[Gone]:
        """The gone rows among some rows of an archived file."""
        found = self._connection.execute(
            "SELECT row, occurrence FROM gone WHERE path = ? AND row >= ? AND row < ? ORDER BY row",
            [path, first_row, first_row + rows],
        ).fetchall()
        return [Gone(*one) for one in found]

    def make_plan(self) -> None:
        """Give every row that is to be published its sequence, dense per partition, and make all of it durable.

        Raises:
            RuntimeError: if a row that was taken over from the archive had to be published, so was not in force.
        """
        self._connection.execute(_PLAN)
        repeated = self._connection.execute("SELECT count(sequence) FROM plan WHERE position < 0").fetchone()[0]
        if repeated:
            raise RuntimeError(f"{repeated} rows were taken over from the archive that are not in force")
        self._connection.execute("CHECKPOINT")

    def parts(self) -> list[Part]:
        """All parts in the order of their positions."""
        rows = self._connection.execute("SELECT * FROM parts ORDER BY first_position, kind DESC, number").fetchall()
        return [Part(*row) for row in rows]

    def planned(self, parts: Sequence[Part]) -> Iterator[tuple[Part, pa.Table]]:
        """Parts in the order of their positions, each with its rows' `occurrence` and `sequence` (null: not published).

        The plan is read for some parts at a time. Several threads may each iterate.
        """
        cursor = self._connection.cursor()
        for window in _windows(parts):
            first, end = window[0].first_position, window[-1].first_position + window[-1].rows
            rows = f"position >= {int(first)} AND position < {int(end)}"
            query = f"SELECT occurrence, sequence FROM plan WHERE {rows} ORDER BY position"  # noqa: S608
            plan = cursor.sql(query).to_arrow_table()
            for part in window:
                yield part, plan.slice(part.first_position - first, part.rows)

    def published(self) -> list[Totals]:
        """Control totals of the events."""
        return self._totals(_PUBLISHED)

    def snapshot(self) -> list[Totals]:
        """Control totals of the rows in force for the delivery's scopes."""
        return self._totals("SELECT period, currency, billed, effective FROM keys")

    def snapshot_appended(self) -> list[Totals]:
        """The same after `compare_appended`: what was in force, and what is new."""
        return self._sums(_APPENDED)

    def counts(self) -> tuple[int, int]:
        """How many charges and how many retractions are published."""
        query = "SELECT (SELECT count(*) FROM numbered WHERE published), (SELECT count(*) FROM retracted)"
        charges, retractions = self._connection.execute(query).fetchone()
        return int(charges), int(retractions)

    def partition_events(self, partitions: int) -> list[int]:
        """How many events each partition gets."""
        query = "SELECT partition, count(sequence) FROM plan GROUP BY partition"
        counts = dict(self._connection.execute(query).fetchall())
        return [int(counts.get(partition, 0)) for partition in range(partitions)]

    def content_hash(self) -> str:
        """sha256 over the row hashes of the events in the order of the plan."""
        digest = hashlib.sha256()
        for batch in self._hashes():
            digest.update("".join(batch.column(0).to_pylist()).encode())
        return digest.hexdigest()

    def _hashes(self) -> Iterator[pa.RecordBatch]:
        query = "SELECT replace(row_hash::VARCHAR, '-', '') FROM plan WHERE sequence IS NOT NULL ORDER BY position"
        return iter(self._connection.sql(query).to_arrow_reader(50_000))

    def _totals(self, rows: str) -> list[Totals]:
        return self._sums(f"SELECT period, currency, 1 AS events, billed, effective FROM ({rows})")  # noqa: S608

    def _sums(self, rows: str) -> list[Totals]:
        query = (
            f"SELECT period, currency, sum(events), sum(billed), sum(effective) FROM ({rows}) "  # noqa: S608
            "AS t(period, currency, events, billed, effective) GROUP BY period, currency ORDER BY period, currency"
        )
        return [
            Totals(
                billing_period=period, currency=currency, events=events, billed_cost=billed, effective_cost=effective
            )
            for period, currency, events, billed, effective in self._connection.execute(query).fetchall()
        ]

    def _add_parts(self) -> None:
        if self._parts:
            self._connection.executemany("INSERT INTO parts VALUES (?, ?, ?, ?)", [list(part) for part in self._parts])
        self._parts = []


def _windows(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Neighbouring parts, together, as long as they have few rows."""
    window: list[Part] = []
    for part in parts:
        if window and sum(one.rows for one in window) + part.rows > _PLANNED_AT_ONCE:
            yield window
            window = []
        window.append(part)
    if window:
        yield window


def _with_positions(part: Part, rows: pa.Table) -> pa.Table:
    return rows.append_column("position", pa.arange(part.first_position, part.first_position + part.rows))
