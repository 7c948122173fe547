"""A month with the split in it as a CSV or Parquet file."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from services.allocator.focus_split.rows import Month
from shared.money import text


def write_month(month: Month, target: Path) -> int:
    """Write a month as the file's ending says; returns how many rows there are. Flat memory."""
    return _csv(month, target) if target.suffix == ".csv" else _parquet(month, target)


def _parquet(month: Month, target: Path) -> int:
    count = 0
    with pq.ParquetWriter(target, month.schema, compression="snappy") as writer:
        for rows in month.batches():
            writer.write_table(rows)
            count += rows.num_rows
    return count


def _csv(month: Month, target: Path) -> int:
    """RFC 4180. Nulls are empty, amounts plain decimals without trailing zeros."""
    count = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(month.schema.names)
        for rows in month.batches():
            writer.writerows(zip(*(_texts(column) for column in rows.columns), strict=True))
            count += rows.num_rows
    return count


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    if not pa.types.is_decimal(column.type):
        return list(column.to_pylist())
    return [None if amount is None else text(amount) for amount in column.to_pylist()]
