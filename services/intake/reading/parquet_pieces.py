"""The rows of a Parquet file in pieces, without those that are known.

A record of Parquet has no bytes of its own. What is hashed are the texts of its columns, with a zero byte between them
(rows with one in a text are refused) and a byte that no text has for null: different rows make different records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.reading.columns import encoded, flat
from services.intake.reading.lines import Sieve, gathered, unknown

PIECE_ROWS: Final = 16_384
"""A piece takes some 30 ms beside its rows, so fewer are faster, in more memory."""

DECODED_ROWS: Final = 4_096
"""DuckDB's buffers of a batch take several times the memory of its texts, and two batches are there at a time."""

_TABLE_ROWS: Final = 256
"""What a table takes for its columns, however few rows are left in it, is the memory of so many rows."""

_JOINED_AT_ONCE: Final = 2_048
_BETWEEN: Final = pa.scalar(b"\0")
_NULL: Final = b"\xff"


class Piece(NamedTuple):
    """Rows of text, the number of each in its file, from 1, and the hash of each where a sieve looked at them."""

    rows: pa.Table
    numbers: pa.Array
    hashes: list[bytes] | None = None


def row_pieces(batches: Iterable[pa.RecordBatch], sieve: Sieve | None) -> Iterator[Piece]:
    """Pieces of about `PIECE_ROWS` as dictionaries, in the order of the file; none that has no rows."""
    pieces = _numbered(batches)
    if sieve is not None:
        pieces = (_sifted(piece, sieve) for piece in pieces)
    parts = ((piece, False) for piece in pieces if piece.rows.num_rows)
    together = gathered(parts, lambda one: max(one.rows.num_rows, _TABLE_ROWS), _together, PIECE_ROWS)
    return (one._replace(rows=encoded(one.rows)) for one in together)


def _numbered(batches: Iterable[pa.RecordBatch]) -> Iterator[Piece]:
    first = 1
    for batch in _ahead(iter(batches)):
        yield Piece(pa.Table.from_batches([batch]), pa.arange(first, first + batch.num_rows))
        first += batch.num_rows


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Decode a batch while the one before is looked at."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as decoder:
        coming = decoder.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = decoder.submit(next, batches, None)
            yield batch


def _sifted(piece: Piece, sieve: Sieve) -> Piece:
    hashes = sieve.hashes(_records(piece.rows))
    known = sieve.known(hashes)
    if not any(known):
        return piece._replace(hashes=hashes)
    left = pa.array([not one for one in known])
    return Piece(piece.rows.filter(left), piece.numbers.filter(left), unknown(hashes, known))


def _records(rows: pa.Table) -> Iterator[bytes]:
    first_column, *others = (flat(column).cast(pa.binary()) for column in rows.columns)
    columns = [first_column, *(_NULL if one.null_count == len(one) else one for one in others)]
    for first in range(0, rows.num_rows, _JOINED_AT_ONCE):
        texts = (one if one is _NULL else one.slice(first, _JOINED_AT_ONCE) for one in columns)
        yield from pc.binary_join_element_wise(
            *texts, _BETWEEN, null_handling="replace", null_replacement=_NULL
        ).to_pylist()


def _together(neighbours: Sequence[Piece]) -> Piece:
    rows, numbers, hashes = zip(*neighbours, strict=True)
    every_hash = None if None in hashes else [one for some in hashes for one in some]
    return Piece(pa.concat_tables(rows), pa.concat_arrays(numbers), every_hash)
