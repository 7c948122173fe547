"""Bytes that come in blocks and go on in whole lines.

Each byte is copied once: a piece of a file is so large that the system gives it new pages, which takes several times
as long as copying does. Joining blocks lets other threads run meanwhile.
"""

from __future__ import annotations


class Uncut:
    """What was read and not cut yet."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self.size = 0

    def add(self, block: bytes) -> None:
        """Read on."""
        self._blocks.append(block)
        self.size += len(block)

    def take_lines(self, lines_left: int = 0) -> bytes:
        """Cut off whole lines: all but the last few of them, and but what follows them. There have to be more."""
        last = self._blocks.pop()
        while last.count(b"\n") <= lines_left:
            last = self._blocks.pop() + last
        head, *rest = last.rsplit(b"\n", lines_left + 1)
        lines = b"".join([*self._blocks, head, b"\n"])
        self._blocks = [b"\n".join(rest)]
        self.size = len(self._blocks[0])
        return lines

    def take_all(self) -> bytes:
        """Cut off what is left."""
        rest = b"".join(self._blocks)
        self._blocks, self.size = [], 0
        return rest
