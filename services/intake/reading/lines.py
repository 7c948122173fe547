"""Records of a file told apart by the hash of their bytes, so that those known already need not be parsed.

The same bytes make the same row, under the same header, the same tag rules and the same program: their fingerprint is
the seed of every hash.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import filterfalse, repeat
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import duckdb
import pyarrow as pa
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from services.intake.domain.tags import Normalisation
from services.intake.reading.csv_chunks import CHUNK_BYTES, Chunk

LINE: Final = "line"
"""The column of the hashes; null in rows that have to be read to tell all that there is to tell about them."""
LINE_HASH: Final = pa.binary(16)
_TOGETHER_BYTES: Final = CHUNK_BYTES // 2
_INTAKE: Final = Path(__file__).parent.parent
_PROGRAM: Final = (_INTAKE, _INTAKE.parent.parent / "shared")


P = TypeVar("P")


class Sifted(NamedTuple):
    """A chunk without its known records, and the hash of each record that is left.

    Known records have become blank lines, so that the others keep their line numbers. There are no hashes where lines
    are no records.
    """

    chunk: Chunk
    hashes: list[bytes] | None

    def column(self, rows: int) -> Any:
        """The hashes as a column of the rows that the chunk was read as; None without hashes, or if rows are others."""
        if self.hashes is None or len(self.hashes) != rows:
            return None
        return hash_column(self.hashes)


def hash_column(hashes: Sequence[bytes]) -> pa.Array:
    """Hashes of records as a column of their rows."""
    return pa.array(hashes, LINE_HASH)


class Sieve:
    """Tells the known records of a file, and leaves them out of chunks of text.

    Args:
        names: the columns of the file, in its order.
        known: asked which of some records are known, in the order of the file, by their hashes: a byte each.
    """

    def __init__(
        self, names: Sequence[str], rules: Iterable[Normalisation], known: Callable[[Sequence[bytes]], bytearray]
    ) -> None:
        self._seed, self.known = _fingerprint(names, rules), known

    def of_types(self, types: Sequence[str]) -> Sieve:
        """The same for a file whose columns have types: equal texts mean the same under equal types only."""
        typed = copy(self)
        typed._seed = xxh3_64_intdigest(repr(tuple(types)).encode(), self._seed)
        return typed

    def hashes(self, records: Iterable[bytes]) -> list[bytes]:
        """The hash of each record."""
        return list(map(xxh3_128_digest, records, repeat(self._seed)))

    def sift(self, chunks: Iterable[Chunk]) -> Iterator[Sifted]:
        """Look at each record of some chunks."""
        sifted = ((one := self._sift(chunk), one.chunk is chunk) for chunk in chunks)
        return gathered(sifted, lambda one: len(one.chunk.data), _together, _TOGETHER_BYTES)

    def _sift(self, chunk: Chunk) -> Sifted:
        if not chunk.one_line_each:
            return Sifted(chunk, None)
        hashes = self.hashes(filterfalse(bytes.isspace, io.BytesIO(chunk.data)))
        known = self.known(hashes)
        if not any(known):
            return Sifted(chunk, hashes)
        return Sifted(chunk._replace(data=_without(chunk.data, known)), unknown(hashes, known))


def _without(data: bytes, known: Iterable[int]) -> bytes:
    leave_out = iter(known)
    lines = io.BytesIO(data)
    return b"".join(line if line.isspace() or not next(leave_out) else _line_end(line) for line in lines)


def _line_end(line: bytes) -> bytes:
    return b"\n" if line.endswith(b"\n") else b""


def unknown(hashes: Iterable[bytes], known: Iterable[int]) -> list[bytes]:
    """The hashes that are left."""
    return [one for one, leave_out in zip(hashes, known, strict=True) if not leave_out]


def gathered(
    pieces: Iterable[tuple[P, bool]], size: Callable[[P], int], join: Callable[[Sequence[P]], P], enough: int
) -> Iterator[P]:
    """Pieces in their order, each given with whether it is whole. What is left of several others is put together:
    parsing few rows costs almost as much as parsing many.
    """
    waiting: list[P] = []
    for piece, is_whole in pieces:
        if not is_whole:
            waiting.append(piece)
        if waiting and (is_whole or sum(map(size, waiting)) >= enough):
            yield join(waiting)
            waiting = []
        if is_whole:
            yield piece
    if waiting:
        yield join(waiting)


def _together(neighbours: Sequence[Sifted]) -> Sifted:
    data = b"".join(one.chunk.data for one in neighbours)
    hashes = [line_hash for one in neighbours for line_hash in one.hashes or ()]
    return Sifted(neighbours[0].chunk._replace(data=data), hashes)


def _fingerprint(names: Sequence[str], rules: Iterable[Normalisation]) -> int:
    everywhere = [replace(rule, sources=frozenset()) for rule in rules]
    program = _program(), pa.__version__, duckdb.__version__
    return xxh3_64_intdigest(repr((*program, tuple(names), everywhere)).encode())


@functools.cache
def _program() -> bytes:
    files = sorted(file for root in _PROGRAM for suffix in ("py", "csv") for file in root.rglob(f"*.{suffix}"))
    return xxh3_128_digest(b"".join(file.read_bytes() for file in files))
