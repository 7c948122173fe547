"""JSON columns (tags and details), made canonical, so that key order and blanks do not make a row look new."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Final

import msgspec

_DECODER: Final = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")
_NUL: Final = "\\u0000"
_CACHED: Final = 50_000


class NotAnObject(ValueError):
    """A text that is no JSON object with unique names."""


def read_object(text: str) -> dict[str, object]:
    """Read a canonical object; numbers with fractions are decimals."""
    return _DECODER.decode(text)


def write_object(value: dict[str, object]) -> str:
    """Write an object in its canonical form."""
    return _ENCODER.encode(value).decode()


@functools.lru_cache(_CACHED)
def canonical_object(text: str) -> str:
    """Write a JSON object with sorted keys and without blanks; keys and values stay as they are, numbers exact.

    Classic Azure exports leave the outer braces away; they are put back.

    Raises:
        NotAnObject: if it is no object, or holds NUL characters, which no database takes.
    """
    stripped = text.strip()
    try:
        value = _DECODER.decode(stripped if stripped.startswith("{") else "{" + stripped + "}")
        canonical = _ENCODER.encode(value).decode()
        msgspec.json.decode(canonical)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise NotAnObject(str(error)) from None
    if _NUL in canonical:
        raise NotAnObject("it holds a NUL character")
    return canonical
