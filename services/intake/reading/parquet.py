"""Parquet as text: every type that exports use, in the notation that the same data has in a CSV.

DuckDB reads the file and writes plain types as text. Dates, and types that hold others, are then made canonical once
per distinct value, so that the same data has the same row hash whatever it was typed as.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.reading.errors import UnreadableParquet
from services.intake.reading.nested import canonical_nested

_INSTANTS: Final = ("TIMESTAMP", "DATE")
_WITH_FIELDS: Final = ("MAP", "STRUCT")


class ParquetColumn(NamedTuple):
    """A column and DuckDB's name of its type, such as `MAP(VARCHAR, VARCHAR)`."""

    name: str
    kind: str

    @property
    def is_nested(self) -> bool:
        """Whether its values hold others."""
        return self.kind.startswith(_WITH_FIELDS) or self.kind.endswith("]")


def parquet_columns(file: str, path: Path) -> list[ParquetColumn]:
    """The columns of a file, from its metadata.

    Raises:
        UnreadableParquet: if it can't be read.
    """
    try:
        described = duckdb.execute(f"DESCRIBE SELECT * FROM {_source(path)}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise UnreadableParquet(file, str(error).partition("\n")[0]) from None
    return [ParquetColumn(name, kind) for name, kind, *_ in described]


def parquet_query(columns: Sequence[ParquetColumn], path: Path) -> str:
    """SQL for all columns as text (`c0`, `c1`...), `NULL` as null.

    Doubles come in the shortest text that means the same double; nested types as JSON.
    """
    texts = [f"nullif({_as_text(column)}, 'NULL') AS c{at}" for at, column in enumerate(columns)]
    return f"SELECT {', '.join(texts)} FROM {_source(path)}"  # noqa: S608


class EmptyTexts:
    """Makes empty texts null; `rows` masks the rows of a batch that had any, None if there are none."""

    def __init__(self) -> None:
        self.rows: Any = None

    def removed(self, texts: pa.DictionaryArray) -> pa.DictionaryArray:
        """A column without its empty texts."""
        entry = pc.index(texts.dictionary, "").as_py()
        if entry < 0:
            return texts
        empty = pc.fill_null(pc.equal(texts.indices, entry), False)
        self.rows = empty if self.rows is None else pc.or_(self.rows, empty)
        return pc.if_else(empty, None, texts.cast(pa.string())).dictionary_encode()


def canonical_text(column: ParquetColumn, texts: pa.DictionaryArray) -> pa.DictionaryArray:
    """Write the values of a column as a CSV has them: dates as FOCUS does, JSON with sorted keys."""
    rule = _rule(column)
    if rule is None:
        return texts
    entries = pa.array([rule(text) for text in texts.dictionary.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(texts.indices, entries)


def _rule(column: ParquetColumn) -> Callable[[str], str] | None:
    if column.is_nested:
        # A MAP has the keys that a row has; null is a value there.
        absent_as_null = "STRUCT" in column.kind and "MAP" not in column.kind
        return lambda text: canonical_nested(text, absent_as_null=absent_as_null)
    return _instant if column.kind.startswith(_INSTANTS) else None


def _instant(text: str) -> str:
    try:
        return utc_text(text)
    except NotAnInstant:
        return text  # infinity, or a year beyond 9999: the rule of the column says so, if it needs a date


def _as_text(column: ParquetColumn) -> str:
    quoted = '"' + column.name.replace('"', '""') + '"'
    return f"to_json({quoted})::VARCHAR" if column.is_nested else f"{quoted}::VARCHAR"


def _source(path: Path) -> str:
    """The folder that a file lies in may be named like a partition; that adds no column to it."""
    quoted = str(path).replace("'", "''")
    return f"read_parquet('{quoted}', hive_partitioning = false, binary_as_string = true)"
