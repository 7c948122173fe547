"""Where the rows go: CSV, gzip-compressed CSV or Parquet, streaming, published under their name when whole."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from synthetic.columns import COLUMNS, HEADER

FORMATS: Final = ("csv", "csv.gz", "parquet")

_BUFFER_BYTES: Final = 1 << 20
_ROW_GROUP: Final = 20_000
_GZIP_LEVEL: Final = 1


class Sink(Protocol):
    """Takes CSV lines without line ends."""

    def write(self, lines: list[str]) -> None:
        """Append lines."""


class _Csv:
    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self.write([HEADER])

    def write(self, lines: list[str]) -> None:
        self._stream.write(("\n".join(lines) + "\n").encode())


class _Parquet:
    """Lets Arrow parse the CSV text a row group at a time: costs become decimal128(38,18), never a float."""

    def __init__(self, writer: pyarrow.parquet.ParquetWriter) -> None:
        self._writer, self._lines = writer, list[str]()

    def write(self, lines: list[str]) -> None:
        self._lines += lines
        if len(self._lines) >= _ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            text = "\n".join((HEADER, *self._lines, "")).encode()
            self._writer.write_table(pyarrow.csv.read_csv(io.BytesIO(text), convert_options=_CONVERT))
            self._lines.clear()


def _type(column: str) -> pa.DataType:
    if column.endswith(("Cost", "UnitPrice", "Quantity")):
        return pa.decimal128(38, 18)
    if column.endswith(("PeriodStart", "PeriodEnd")):
        return pa.timestamp("ms", tz="UTC")
    return pa.string()


_SCHEMA: Final = pa.schema([(column, _type(column)) for column in COLUMNS])
_CONVERT: Final = pyarrow.csv.ConvertOptions(
    column_types=_SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False
)


@contextmanager
def sink(path: Path, kind: str) -> Iterator[Sink]:
    """Open a file of one of the `FORMATS`; it gets its name only when all rows are in it."""
    partial = path.with_name(path.name + ".partial")
    try:
        with _open(partial, kind) as opened:
            yield opened
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _open(path: Path, kind: str) -> Iterator[Sink]:
    if kind == "parquet":
        with pyarrow.parquet.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
            table = _Parquet(writer)
            yield table
            table.flush()
        return
    with io.BufferedWriter(io.FileIO(path, "wb"), _BUFFER_BYTES) as raw:
        if kind == "csv":
            yield _Csv(raw)
            return
        # No file name and no time in the header: the same export gives the same bytes.
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
            buffered = io.BufferedWriter(packed, _BUFFER_BYTES)
            yield _Csv(buffered)
            buffered.flush()
