"""Records of Parquet are as different as their rows."""

from __future__ import annotations

from unittest.mock import patch

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from services.intake.reading import parquet_pieces
from services.intake.reading.lines import Sieve
from services.intake.reading.parquet_pieces import row_pieces

texts = st.none() | st.text(alphabet="a\x01\xff\u0100|", max_size=3)
rows = st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=40)


@given(rows)
def test_equal_hashes_are_equal_rows(made: list[tuple[str | None, ...]]) -> None:
    columns = [pa.array(column, pa.string()) for column in zip(*made, strict=True)]
    batch = pa.record_batch(columns, names=["c0", "c1", "c2"])
    sieve = Sieve(["a", "b", "c"], (), lambda hashes: bytearray(len(hashes)))
    (piece,) = row_pieces([batch], sieve)
    assert piece.hashes is not None
    assert len(set(piece.hashes)) == len(set(made))
    assert len(set(zip(piece.hashes, made, strict=True))) == len(set(made))


@given(rows, st.integers(1, 9), st.integers(1, 9), st.none() | st.sets(st.integers(0, 39)))
def test_pieces_are_the_rows_that_are_left_in_their_order(
    made: list[tuple[str | None, ...]], decoded: int, enough: int, known: set[int] | None
) -> None:
    columns = [pa.array(column, pa.string()) for column in zip(*made, strict=True)]
    whole = pa.record_batch(columns, names=["c0", "c1", "c2"])
    batches = [whole.slice(first, decoded) for first in range(0, len(made), decoded)]
    asked, sieve = iter(range(len(made))), None
    if known is not None:
        sieve = Sieve(["a", "b", "c"], (), lambda hashes: bytearray(next(asked) in known for _ in hashes))
    with patch.multiple(parquet_pieces, PIECE_ROWS=enough, _TABLE_ROWS=1):
        pieces = list(row_pieces(batches, sieve))
    left = [at for at in range(len(made)) if at not in (known or ())]
    assert [number - 1 for piece in pieces for number in piece.numbers.to_pylist()] == left
    assert [tuple(row.values()) for piece in pieces for row in piece.rows.to_pylist()] == [made[at] for at in left]
    assert all(enough <= piece.rows.num_rows < enough + decoded for piece in pieces[:-1])
    assert all(piece.rows.num_rows for piece in pieces)
    assert all(sieve is None if piece.hashes is None else len(piece.hashes) == piece.rows.num_rows for piece in pieces)
