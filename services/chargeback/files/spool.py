"""Frozen documents on their way from the database to the processes that write files, one JSON document a line.

A temporary file rather than memory or pickles: a batch may be larger than memory, and each process reads its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from shared.events import Invoice, decode

_CHUNK_BYTES: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole documents in a spool, from a byte offset."""

    path: Path
    offset: int
    count: int

    def documents(self) -> Iterator[Invoice]:
        """Read the documents, one in memory at a time."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for _ in range(self.count):
                yield decode(Invoice, file.readline())


class Spool:
    """Writes documents and remembers where chunks of about two megabytes begin."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._path = Path(file.name)
        self._starts: list[tuple[int, int]] = []
        self._bytes = 0
        self._count = 0

    def write(self, documents: Iterable[bytes]) -> None:
        """Append documents: JSON as the contract encodes it, which holds no line feeds."""
        for document in documents:
            if not self._starts or self._bytes - self._starts[-1][0] >= _CHUNK_BYTES:
                self._starts.append((self._bytes, self._count))
            self._file.write(document + b"\n")
            self._bytes += len(document) + 1
            self._count += 1

    def whole(self) -> Chunk:
        """All documents, flushed so that other processes see them."""
        self._file.flush()
        return Chunk(self._path, 0, self._count)

    def chunks(self) -> list[Chunk]:
        """All documents in parts, flushed so that other processes see them."""
        self._file.flush()
        ends = [first for _, first in self._starts[1:]] + [self._count]
        return [Chunk(self._path, offset, end - first) for (offset, first), end in zip(self._starts, ends, strict=True)]
