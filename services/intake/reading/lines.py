"""Records of a text file told apart by the hash of their bytes, so that those known already need not be parsed.

The same bytes make the same row, under the same header, the same tag rules and the same program: their fingerprint is
the seed of every hash.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import compress, count, repeat
from pathlib import Path
from typing import Any, Final, NamedTuple

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
        return pa.array(self.hashes, LINE_HASH)


class Sieve:
    """Leaves the known records out of a file's chunks.

    Args:
        names: the columns of the file, in its order.
        known: asked which of some records are known, in the order of the file, by their hashes: a byte each.
    """

    def __init__(
        self, names: Sequence[str], rules: Iterable[Normalisation], known: Callable[[Sequence[bytes]], bytearray]
    ) -> None:
        self._seed, self._known = _fingerprint(names, rules), known

    def sift(self, chunks: Iterable[Chunk]) -> Iterator[Sifted]:
        """Look at each record. What is left of several chunks is put together: parsing few rows costs almost as much
        as parsing many.
        """
        waiting: list[Sifted] = []
        for chunk in chunks:
            sifted = self._sift(chunk)
            whole = sifted.chunk is chunk
            if not whole:
                waiting.append(sifted)
            if whole or sum(len(one.chunk.data) for one in waiting) >= _TOGETHER_BYTES:
                yield from _together(waiting)
                waiting = []
            if whole:
                yield sifted
        yield from _together(waiting)

    def _sift(self, chunk: Chunk) -> Sifted:
        if not chunk.one_line_each:
            return Sifted(chunk, None)
        lines = chunk.data.split(b"\n")
        records = list(compress(count(), map(bytes.strip, lines)))  # blank lines are none
        hashes = list(map(xxh3_128_digest, map(lines.__getitem__, records), repeat(self._seed)))
        known = self._known(hashes)
        if not any(known):
            return Sifted(chunk, hashes)
        for at in compress(records, known):
            lines[at] = b""
        left = [line_hash for line_hash, leave_out in zip(hashes, known, strict=True) if not leave_out]
        return Sifted(chunk._replace(data=b"\n".join(lines)), left)


def _together(neighbours: Sequence[Sifted]) -> Iterator[Sifted]:
    if neighbours:
        data = b"".join(one.chunk.data for one in neighbours)
        hashes = [line_hash for one in neighbours for line_hash in one.hashes or ()]
        yield Sifted(neighbours[0].chunk._replace(data=data), hashes)


def _fingerprint(names: Sequence[str], rules: Iterable[Normalisation]) -> int:
    everywhere = [replace(rule, sources=frozenset()) for rule in rules]
    return xxh3_64_intdigest(repr((_program(), pa.__version__, tuple(names), everywhere)).encode())


@functools.cache
def _program() -> bytes:
    files = sorted(file for root in _PROGRAM for suffix in ("py", "csv") for file in root.rglob(f"*.{suffix}"))
    return xxh3_128_digest(b"".join(file.read_bytes() for file in files))
