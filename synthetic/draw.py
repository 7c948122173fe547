"""Reproducible choices: a stream of integers from SHAKE-128 of a label.

Unlike the `random` module, whose methods may change between Python versions, a hash gives the same choices for ever,
and each resource's choices depend on its own label only, not on what was drawn before.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_WORD_BYTES = 4


def words(label: str, count: int) -> tuple[int, ...]:
    """Return `count` integers below 2**32 that depend on the label only."""
    return struct.unpack(f"<{count}I", hashlib.shake_128(label.encode()).digest(count * _WORD_BYTES))


class Draw:
    """At most `count` choices for one label, taken one after the other."""

    def __init__(self, label: str, count: int = 32) -> None:
        self._words = iter(words(label, count))

    def below(self, limit: int) -> int:
        """An integer from 0 to `limit` - 1."""
        return next(self._words) % limit

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def hexadecimal(self, digits: int) -> str:
        """Lower-case hexadecimal text, for the ids of made-up resources."""
        return "".join(f"{next(self._words):08x}" for _ in range(-(-digits // 8)))[:digits]
