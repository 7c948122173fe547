"""Normalised rows written back as a FOCUS 1.4 Cost and Usage file, for other tools to read and judge.

Columns: those of 1.4, without the ones that 1.4 lets be absent but not empty when no row has a value, then every `x_`
column, each group in alphabetical order. Amounts are plain decimal text in CSV and DECIMAL(38,18) in Parquet;
everything else is the canonical text. Equal rows in force make equal bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.intake.reading import values
from services.intake.reading.normalise import AMOUNT
from shared.archive import RowsInForce
from shared.focus import CANONICAL, COLUMNS

_ROWS_AT_ONCE: Final = 10_000
_CUSTOM: Final = msgspec.json.Decoder(dict[str, str])
_PAYER: Final = "BillingAccountId"


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    PARQUET = "parquet"


class _Writer(Protocol):
    def write(self, rows: pa.Table) -> None: ...


def export_rows(in_force: Sequence[RowsInForce], target: Path, form: ExportFormat) -> int:
    """Write the archived rows of some payers; returns how many there are. Blocking, in flat memory."""
    names, custom = _present(in_force)
    amounts = pa.string() if form is ExportFormat.CSV else AMOUNT
    types = [(name, amounts if COLUMNS[name].type == "decimal" else pa.string()) for name in names]
    schema = pa.schema([*types, *((name, pa.string()) for name in custom)])
    count = 0
    with ExitStack() as stack:
        writer = _writer(stack, target, form, schema)
        for rows in _batches(in_force, [*names, "custom"]):
            writer.write(_exported(rows, names, custom, schema))
            count += rows.num_rows
    return count


def _present(in_force: Sequence[RowsInForce]) -> tuple[list[str], list[str]]:
    """The FOCUS columns to write, and the names of all custom ones."""
    wanted = {column.name for column in CANONICAL if column.level == "mandatory" or column.nullable}
    custom: set[str] = set()
    for rows in _batches(in_force, [*(column.name for column in CANONICAL), "custom"]):
        wanted |= {column.name for column in CANONICAL if rows.column(column.name).null_count < rows.num_rows}
        for text in pc.unique(rows.column("custom")).to_pylist():
            custom.update(_CUSTOM.decode(text))
    return [column.name for column in CANONICAL if column.name in wanted], sorted(custom)


def _batches(in_force: Sequence[RowsInForce], names: list[str]) -> Iterator[pa.Table]:
    for path, payers in in_force:
        wanted = pa.array(payers, pa.string())
        with pq.ParquetFile(path) as archived:
            for batch in archived.iter_batches(_ROWS_AT_ONCE, columns=list(dict.fromkeys([*names, _PAYER]))):
                rows = pa.table(batch)
                held = pc.is_in(rows.column(_PAYER).cast(pa.string()), value_set=wanted)
                yield rows.filter(held).select(names)


def _exported(rows: pa.Table, names: list[str], custom: list[str], schema: pa.Schema) -> pa.Table:
    columns: list[Any] = [_column(rows.column(name), schema.field(name).type) for name in names]
    objects = [_CUSTOM.decode(text) for text in rows.column("custom").to_pylist()]
    columns += [pa.array([one.get(name) for one in objects], pa.string()) for name in custom]
    return pa.table(columns, schema=schema)


def _column(column: pa.ChunkedArray, wanted: pa.DataType) -> Any:
    if column.type == wanted:
        return column
    texts = column.cast(pa.string())
    if column.type != AMOUNT:
        return texts
    encoded = texts.combine_chunks().dictionary_encode()
    flat = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return values.amounts(flat).column.cast(pa.string())


def _writer(stack: ExitStack, target: Path, form: ExportFormat, schema: pa.Schema) -> _Writer:
    if form is ExportFormat.PARQUET:
        return _ParquetWriter(stack.enter_context(pq.ParquetWriter(target, schema, compression="snappy")))
    return _CsvWriter(stack.enter_context(target.open("w", encoding="utf-8", newline="")), schema.names)


class _ParquetWriter:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)


class _CsvWriter:
    """RFC 4180. Nulls are empty; FOCUS knows no empty text beside them."""

    def __init__(self, file: io.TextIOBase, names: list[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._writer.writerow(names)

    def write(self, rows: pa.Table) -> None:
        self._writer.writerows(zip(*(column.to_pylist() for column in rows.columns), strict=True))
