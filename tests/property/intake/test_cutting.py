"""Pieces of a file are the file, cut where a record ends, wherever the blocks that it is read in end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.reading.csv_chunks import Chunk, chunks
from services.intake.reading.errors import MalformedCsv
from services.intake.reading.json_lines import line_chunks

files = st.lists(st.sampled_from([b"a,b", b'"', b"\n", b'"c\n"', b"\r\n", "é".encode()]), max_size=60).map(b"".join)
sizes = st.integers(1, 30)


@given(files, sizes, sizes)
def test_pieces_of_csv_end_where_records_end(data: bytes, block: int, size: int) -> None:
    if data.count(b'"') % 2:
        with pytest.raises(MalformedCsv, match="never closed"):
            list(chunks("a.csv", blocks(data, block), size))
        return
    pieces = list(chunks("a.csv", blocks(data, block), size))
    is_the_file(pieces, data)
    assert all(piece.data.count(b'"') % 2 == 0 for piece in pieces)
    one_line_each = [all(line.count(b'"') % 2 == 0 for line in piece.data.split(b"\n")) for piece in pieces]
    assert all(each or not piece.one_line_each for piece, each in zip(pieces, one_line_each, strict=True))
    assert all(piece.one_line_each for piece in pieces) or not all(one_line_each)


@given(files, sizes, sizes)
def test_pieces_of_json_lines_end_where_lines_end(data: bytes, block: int, size: int) -> None:
    is_the_file(list(line_chunks("a.jsonl", blocks(data, block), size)), data)


def is_the_file(pieces: list[Chunk], data: bytes) -> None:
    assert b"".join(piece.data for piece in pieces) == data
    assert all(piece.data.endswith(b"\n") for piece in pieces[:-1])
    line = 1
    for piece in pieces:
        assert piece.data
        assert piece.first_line == line
        line += piece.data.count(b"\n")


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))
