"""Records of Parquet are as different as their rows."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

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
