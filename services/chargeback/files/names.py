"""File names that any file system takes, and that say what they were made from."""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]")
_ESCAPED: Final = re.compile(r"_([0-9A-F]{2})")
_CHARACTERS_MAX: Final = 150
_CUT: Final = "_cut"


def escape(name: str) -> str:
    """Write a name with letters, digits, `.`, `-` and `_XX` for each other byte of its UTF-8; `unescape` reverses it.

    A name that would be longer than 150 characters is cut and ends with `_cut`: the document number before it in a
    file's name is what makes that unique, and the document's content has the whole name.
    """
    escaped = _UNSAFE.sub(lambda match: "".join(f"_{byte:02X}" for byte in match[0].encode()), name)
    return escaped if len(escaped) <= _CHARACTERS_MAX else escaped[:_CHARACTERS_MAX] + _CUT


def unescape(escaped: str) -> str:
    """Reverse `escape`.

    Raises:
        ValueError: if the name was cut, or is none that `escape` makes.
    """
    if escaped.endswith(_CUT) or "_" in _ESCAPED.sub("", escaped):
        raise ValueError(f"{escaped!r} can't be turned back into a name")
    characters = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), escaped)
    return characters.encode("latin-1").decode()


def stem(number: str, cost_center: str) -> str:
    """The name of a document's files without their ending: `IC-2026-000001_CC-100`."""
    return f"{number}_{escape(cost_center)}"
