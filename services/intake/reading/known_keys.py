"""Telling quickly that a block of JSON Lines has no key that was not seen before, and none twice in an object."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

_ABSENT: Final = msgspec.Raw()
_ENCODER: Final = msgspec.json.Encoder()


class KnownKeys:
    """The keys that were seen so far, in `names`."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self._decoder: Any = None

    def add(self, names: Collection[str]) -> None:
        """Take keys to be known from now on."""
        self.names |= frozenset(names)
        fields = [(f"c{at}", msgspec.Raw, _ABSENT) for at in range(len(self.names))]
        keys = {f"c{at}": name for at, name in enumerate(sorted(self.names))}
        line = msgspec.defstruct(
            "Keys", fields, rename=keys, forbid_unknown_fields=True, omit_defaults=True, gc=False
        )  # fmt: skip
        self._decoder = msgspec.json.Decoder(line)

    def has_no_others(self, block: bytes) -> bool:
        """Whether it is sure that whole lines have known keys only, each once; False also where it can't be told.

        A key that comes twice is kept once when a line is read. So lines that are as long after they were written
        again, with the values as they are and nothing between them, had none twice, and no blanks.
        """
        if self._decoder is None:
            return False
        try:
            lines = self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return len(_ENCODER.encode_lines(lines)) == len(block) + (not block.endswith(b"\n"))
