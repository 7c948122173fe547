"""Reading small tables row by row: provider invoices and the datasets beside Cost and Usage."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb

from services.intake.reading.csv_chunks import chunks, diagnose, records, take_header
from services.intake.reading.errors import EmptyFile, UnreadableParquet
from services.intake.reading.json_lines import LineParser, column_names, line_chunks, line_numbers, with_null_columns
from services.intake.reading.parquet import parquet_columns, parquet_query
from services.intake.reading.source import JSON_LINES, Format, format_of, text_blocks

_BATCH_ROWS: Final = 10_000

Row = tuple[int, Sequence[str | None]]


def text_or_none(value: str | None) -> str | None:
    """A cell without blanks around it; empty text and `NULL` are nothing."""
    stripped = (value or "").strip()
    return None if stripped in {"", "NULL"} else stripped


def table_rows(path: Path, name: str) -> tuple[list[str], Iterator[Row]]:
    """The header of a file and its rows with their lines; for Parquet, the row numbers from 1.

    Raises:
        IntakeRefusal: here, or on the way through the rows.
    """
    form = format_of(name, path)
    if form in JSON_LINES:
        return _json_rows(path, name, form)
    return _parquet_rows(path, name) if form is Format.PARQUET else _csv_rows(path, name, form)


def _csv_rows(path: Path, name: str, form: Format) -> tuple[list[str], Iterator[Row]]:
    pieces = chunks(name, text_blocks(name, path, form))
    first = next(pieces, None)
    if first is None:
        raise EmptyFile(name, "the file has no header")
    header, rest = take_header(name, first)

    def rows() -> Iterator[Row]:
        for piece in (rest, *pieces):
            try:
                for line, record in records(piece):
                    if len(record) != len(header) or "\0" in "".join(record):
                        raise diagnose(name, piece, header, "a NUL character")
                    yield line, record
            except (UnicodeDecodeError, csv.Error) as error:
                raise diagnose(name, piece, header, str(error)) from None

    return header, rows()


def _json_rows(path: Path, name: str, form: Format) -> tuple[list[str], Iterator[Row]]:
    header = with_null_columns(column_names(name, line_chunks(name, text_blocks(name, path, form))))
    parser = LineParser(name, header)

    def rows() -> Iterator[Row]:
        for piece in line_chunks(name, text_blocks(name, path, form)):
            if piece.data.strip():
                table, _ = parser.parse(piece)
                cells = zip(*(column.to_pylist() for column in table.columns), strict=True)
                yield from zip(line_numbers(piece, range(table.num_rows)), cells, strict=True)

    return header, rows()


def _parquet_rows(path: Path, name: str) -> tuple[list[str], Iterator[Row]]:
    columns = parquet_columns(name, path)
    header, query = [column.name for column in columns], parquet_query(columns, path)

    def rows() -> Iterator[Row]:
        line = 0
        try:
            with duckdb.connect(config={"threads": 1}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                result = connection.execute(query)
                while some := result.fetchmany(_BATCH_ROWS):
                    for record in some:
                        line += 1
                        if "\0" in "".join(text or "" for text in record):
                            raise UnreadableParquet(name, f"row {line} holds a NUL character")
                        yield line, record
        except duckdb.Error as error:
            raise UnreadableParquet(name, str(error).partition("\n")[0]) from None

    return header, rows()
