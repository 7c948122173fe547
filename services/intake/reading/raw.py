"""Reading a file as text: every format becomes the same thing, chunks of dictionary-encoded text columns.

Dictionary encoding is what makes the rest fast: whatever is done to a value is done once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.csv

from services.intake.reading.columns import encoded, flat, holds_nul
from services.intake.reading.csv_chunks import Chunk, chunks, diagnose, records, take_header
from services.intake.reading.errors import EmptyFile, NotFocus, UnreadableParquet
from services.intake.reading.json_lines import LineParser, column_names, line_chunks, line_numbers, with_null_columns
from services.intake.reading.layout import Layout, layout_of
from services.intake.reading.lines import Sieve, Sifted, hash_column
from services.intake.reading.parquet import EmptyTexts, ParquetColumn, canonical_text, parquet_columns, parquet_query
from services.intake.reading.parquet_pieces import DECODED_ROWS, Piece, row_pieces
from services.intake.reading.source import JSON_LINES, Format, format_of, text_blocks

_MEMORY_LIMIT: Final = "128MB"


@dataclass(frozen=True, slots=True)
class RawChunk:
    """Rows as text, columns by position (`c0`, `c1`...), nulls for empty text and for `NULL`.

    `line_of` tells the file's line of a row of the chunk; for CSV it reads the chunk again, so ask about few.
    `empty_texts` masks the rows that had an empty text where null is meant, None if none had. CSV can't tell them.
    `line_hashes` has the hash of each row's record where a `Sieve` looked at them.
    """

    table: pa.Table
    line_of: Callable[[list[int]], list[int]]
    empty_texts: Any = None
    line_hashes: Any = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What can be told about a file from its beginning."""

    name: str
    format: Format
    layout: Layout
    size_bytes: int


def check_file(path: Path, name: str | None = None) -> FileFacts:
    """Check quickly that a file can be taken in: recognised, with a header that FOCUS allows. Reads only its beginning,
    except for JSON Lines: any line may have a key of its own, so all are looked at.

    Encoding, check sums and every row are checked when it is read.

    Raises:
        IntakeRefusal: its subclass says which rule the file breaks.
    """
    file = name or path.name
    form = format_of(file, path)
    return FileFacts(file, form, layout_of(file, _names(file, path, form)), path.stat().st_size)


def parsers(facts: FileFacts, path: Path, sieve: Sieve | None = None) -> Iterator[Callable[[], RawChunk]]:
    """The file in pieces, in order. Each piece is parsed by calling it, in any thread.

    Args:
        sieve: leaves known records out, in the thread that iterates; a piece may be left without any.

    Raises:
        IntakeRefusal: here or when a piece is parsed.
    """
    if facts.format in JSON_LINES:
        return _json_parsers(facts, path, sieve)
    if facts.format is Format.PARQUET:
        return _parquet_parsers(facts, path, sieve)
    return _csv_parsers(facts, path, sieve)


def parsing_threads(facts: FileFacts, threads: int) -> int:
    """How many of some threads are to parse pieces. Parquet is decoded in another one, and encoded before it is cut, so
    that there is less to do and more threads hold each other up.
    """
    return max(1, threads - 1) if facts.format is Format.PARQUET else threads


def _sifted(pieces: Iterable[Chunk], sieve: Sieve | None) -> Iterator[Sifted]:
    """The pieces that have records to read."""
    sifted = (Sifted(piece, None) for piece in pieces) if sieve is None else sieve.sift(pieces)
    return (one for one in sifted if one.chunk.data and not one.chunk.data.isspace())


def _names(file: str, path: Path, form: Format) -> list[str]:
    if form in JSON_LINES:
        return with_null_columns(column_names(file, line_chunks(file, text_blocks(file, path, form))))
    if form is Format.PARQUET:
        return [column.name for column in parquet_columns(file, path)]
    return _csv_names(file, path, form)


def _json_parsers(facts: FileFacts, path: Path, sieve: Sieve | None) -> Iterator[Callable[[], RawChunk]]:
    parser = LineParser(facts.name, facts.layout.names)
    for piece in _sifted(line_chunks(facts.name, text_blocks(facts.name, path, facts.format)), sieve):
        yield _json_parser(parser, piece)


def _json_parser(parser: LineParser, piece: Sifted) -> Callable[[], RawChunk]:
    def parse() -> RawChunk:
        table, empty_texts = parser.parse(piece.chunk)
        lines = piece.column(table.num_rows)
        return RawChunk(table, lambda rows: line_numbers(piece.chunk, rows), empty_texts, lines)

    return parse


def _csv_names(file: str, path: Path, form: Format) -> list[str]:
    first = next(chunks(file, text_blocks(file, path, form), size=1), None)
    if first is None:
        raise EmptyFile(file, "the file has no header")
    return take_header(file, first)[0]


def _csv_parsers(facts: FileFacts, path: Path, sieve: Sieve | None) -> Iterator[Callable[[], RawChunk]]:
    pieces = chunks(facts.name, text_blocks(facts.name, path, facts.format))
    _, first = take_header(facts.name, next(pieces))
    for piece in _sifted(chain([first], pieces), sieve):
        yield _csv_parser(facts, piece)


def _csv_parser(facts: FileFacts, piece: Sifted) -> Callable[[], RawChunk]:
    def parse() -> RawChunk:
        def line_of(rows: list[int]) -> list[int]:
            wanted = set(rows)
            return [line for row, (line, _) in enumerate(records(piece.chunk)) if row in wanted]

        table = _parse_csv(facts, piece.chunk)
        return RawChunk(table, line_of, line_hashes=piece.column(table.num_rows))

    return parse


def _parse_csv(facts: FileFacts, chunk: Chunk) -> pa.Table:
    columns = [f"c{i}" for i in range(len(facts.layout.names))]
    if b"\0" in chunk.data:
        line = chunk.first_line + chunk.data.count(b"\n", 0, chunk.data.index(b"\0"))
        raise NotFocus(facts.name, f"line {line} holds a NUL byte")
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(chunk.data),
            read_options=pa.csv.ReadOptions(
                column_names=columns, use_threads=False, block_size=max(len(chunk.data), 1) + 1
            ),
            parse_options=pa.csv.ParseOptions(newlines_in_values=not chunk.one_line_each),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), null_values=["", "NULL"], strings_can_be_null=True,
                check_utf8=not chunk.data.isascii(),
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        raise diagnose(facts.name, chunk, facts.layout.names, str(error)) from None
    return encoded(table)  # faster than the CSV parser does it


def _parquet_parsers(facts: FileFacts, path: Path, sieve: Sieve | None) -> Iterator[Callable[[], RawChunk]]:
    columns = parquet_columns(facts.name, path)
    typed = sieve and sieve.of_types([column.kind for column in columns])
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY_LIMIT}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            batches = connection.sql(parquet_query(columns, path)).to_arrow_reader(DECODED_ROWS)
            yield from map(partial(_parquet_parser, facts, columns), row_pieces(batches, typed))
    except duckdb.Error as error:
        raise UnreadableParquet(facts.name, str(error).partition("\n")[0]) from None


def _parquet_parser(facts: FileFacts, columns: Sequence[ParquetColumn], piece: Piece) -> Callable[[], RawChunk]:
    def parse() -> RawChunk:
        texts, empty = {}, EmptyTexts()
        for at, (column, values) in enumerate(zip(columns, piece.rows.columns, strict=True)):
            if holds_nul(column_texts := flat(values)):
                raise NotFocus(facts.name, f"column {column.name} holds a NUL character")
            texts[f"c{at}"] = canonical_text(column, empty.removed(column_texts))
        lines = None if piece.hashes is None else hash_column(piece.hashes)
        return RawChunk(pa.table(texts), lambda rows: [piece.numbers[row].as_py() for row in rows], empty.rows, lines)

    return parse
