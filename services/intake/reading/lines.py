"""Records of a text file told apart by the hash of their bytes, so that those known already need not be parsed.

A record that reads the same gives the same row, under the same header, the same tag rules and the same program: that is
what a `Fingerprint` stands for, and the hash begins with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from services.intake.domain.tags import Normalisation
from services.intake.reading.csv_chunks import Chunk

LINE_HASH: Final = pa.binary(16)
_SERVICE: Final = Path(__file__).parent.parent
_PROGRAM: Final = (
    _SERVICE / "reading", _SERVICE / "domain", _SERVICE / "quality" / "flags", _SERVICE.parent.parent / "shared" / "focus",
)  # fmt: skip
"""What decides which row a record becomes."""

IsKnown = Callable[[bytes], bool]


class Sifted(NamedTuple):
    """A chunk without its known records, and the hash of each record that is left.

    Known records have become blank lines, so that all others keep their line number. Hashes are None where lines are no
    records.
    """

    chunk: Chunk
    hashes: list[bytes] | None


class Sieve:
    """Leaves the known records out of a file's chunks.

    Args:
        names: the columns of the file, in its order.
        is_known: asked once for each record, in the order of the file, with its hash.
    """

    def __init__(self, names: Sequence[str], rules: Iterable[Normalisation], is_known: IsKnown) -> None:
        self._seed, self._is_known = fingerprint(names, rules), is_known

    def sift(self, chunk: Chunk) -> Sifted:
        """Look at each record of a chunk."""
        lines = chunk.data.split(b"\n")
        if any(line.count(b'"') % 2 for line in lines):
            return Sifted(chunk, None)
        hashes: list[bytes] = []
        known = False
        for at, line in enumerate(lines):
            if not line or line.isspace():
                continue
            line_hash = xxh3_128_digest(line, self._seed)
            if self._is_known(line_hash):
                lines[at], known = b"", True
            else:
                hashes.append(line_hash)
        return Sifted(chunk._replace(data=b"\n".join(lines)) if known else chunk, hashes)


def fingerprint(names: Sequence[str], rules: Iterable[Normalisation]) -> int:
    """64 bits that differ when a record of the same bytes could become another row."""
    everywhere = [replace(rule, sources=frozenset()) for rule in rules]
    return xxh3_64_intdigest(repr((_program(), pa.__version__, tuple(names), everywhere)).encode())


@functools.cache
def _program() -> bytes:
    files = sorted(file for root in _PROGRAM for file in root.rglob("*") if file.suffix not in {"", ".pyc"})
    return xxh3_128_digest(b"".join(file.read_bytes() for file in files))
