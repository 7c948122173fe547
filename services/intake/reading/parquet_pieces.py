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
"""A piece takes some 30 ms beside its rows, so fewer are faster, in more memory. DuckDB decodes 2,048 rows at once."""

_TOGETHER_ROWS: Final = PIECE_ROWS // 2
_JOINED_AT_ONCE: Final = 2_048
_BETWEEN: Final = pa.scalar(b"\0")
_NULL: Final = b"\xff"


class Piece(NamedTuple):
    """Rows of text, the number of each in its file, from 1, and the hash of each where a sieve looked at them."""

    rows: pa.Table
    numbers: pa.Array
    hashes: list[bytes] | None = None


def row_pieces(batches: Iterable[pa.RecordBatch], sieve: Sieve | None) -> Iterator[Piece]:
    """Pieces of about `PIECE_ROWS` as dictionaries, in the order of the file; none that has no rows.

    Whole texts take several times the memory of dictionaries, so they are encoded before they wait for anything.
    """
    pieces = _numbered(batches)
    if sieve is not None:
        sifted = ((one := _sifted(piece, sieve), one.rows is piece.rows) for piece in pieces)
        pieces = gathered(sifted, lambda one: one.rows.num_rows, _together, _TOGETHER_ROWS)
    return (one._replace(rows=encoded(one.rows)) for one in pieces if one.rows.num_rows)


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
    hashes = [one for piece in neighbours for one in piece.hashes or ()]
    rows = pa.concat_tables([piece.rows for piece in neighbours])
    return Piece(rows, pa.concat_arrays([piece.numbers for piece in neighbours]), hashes)
