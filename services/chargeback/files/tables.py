"""The tables of a whole batch: what a program reads to add everything up again."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.chargeback.files.columns import DOCUMENT_COLUMNS, LINE_COLUMNS, line_row
from shared.events import Invoice
from shared.money import DIGITS_MAX, SCALE

_ROW_GROUP_LINES: Final = 20_000
_ARROW_TYPES: Final = {"text": pa.string(), "integer": pa.int32(), "money": pa.decimal128(DIGITS_MAX, SCALE)}
_PARSERS: Final = {"text": str, "integer": int, "money": Decimal}
_SCHEMA: Final = pa.schema([(column.name, _ARROW_TYPES[column.kind]) for column in LINE_COLUMNS])


def write_tables(folder: Path, documents: Iterable[Invoice]) -> None:
    """Write `invoices.csv`, `lines.csv` and `lines.parquet` in one pass, holding at most one row group of lines."""
    with ExitStack() as stack:
        invoices = csv_writer(stack, folder / "invoices.csv", [column.name for column in DOCUMENT_COLUMNS])
        lines = csv_writer(stack, folder / "lines.csv", [column.name for column in LINE_COLUMNS])
        parquet = stack.enter_context(pq.ParquetWriter(folder / "lines.parquet", _SCHEMA, compression="zstd"))
        group: list[list[str]] = []
        for invoice in documents:
            invoices.writerow([column.value(invoice) for column in DOCUMENT_COLUMNS])
            rows = [line_row(invoice, line) for line in invoice.lines]
            lines.writerows(rows)
            group += rows
            while len(group) >= _ROW_GROUP_LINES:
                parquet.write_table(_table(group[:_ROW_GROUP_LINES]))
                del group[:_ROW_GROUP_LINES]
        parquet.write_table(_table(group))


def csv_writer(stack: ExitStack, path: Path, header: Sequence[str]) -> Any:
    """Open a CSV file (UTF-8, `,`, RFC 4180 quoting, line feeds) and write its header."""
    writer = csv.writer(stack.enter_context(path.open("w", encoding="utf-8", newline="")), lineterminator="\n")
    writer.writerow(header)
    return writer


def _table(rows: Sequence[Sequence[str]]) -> pa.Table:
    values = zip(*rows, strict=True) if rows else [()] * len(LINE_COLUMNS)
    return pa.table(
        [
            pa.array([_PARSERS[column.kind](value) for value in column_values], _ARROW_TYPES[column.kind])
            for column, column_values in zip(LINE_COLUMNS, values, strict=True)
        ],
        schema=_SCHEMA,
    )
