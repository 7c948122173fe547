"""Reading a record by its contract."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from shared.errors import Reject
from shared.events import Contract, decode
from shared.stream import Record

_NUL = b"\\u0000"

C = TypeVar("C", bound=Contract)


class Unreadable(Reject):
    """A record that breaks its contract, or holds what no table can."""

    code = "unreadable"


def value_of(record: Record) -> bytes:
    """A record's bytes; PostgreSQL's text can't hold U+0000, and no id or name has a use for it.

    Raises:
        Unreadable: if there are none, or they hold that character.
    """
    value: bytes | None = record.value
    if value is None:
        raise Unreadable("the record has no value; nothing on this topic is ever deleted")
    if _NUL in value:
        raise Unreadable("the record contains the character U+0000; remove it at the source")
    return value


def read(kind: type[C], record: Record) -> C:
    """Decode a record.

    Raises:
        Unreadable: if it is not what its topic carries.
    """
    try:
        return decode(kind, value_of(record))
    except msgspec.DecodeError as error:
        raise Unreadable(f"not a {kind.__name__}: {error}") from None
