"""Values that are objects or lists already (JSON Lines, nested Parquet columns), written as one canonical JSON text."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")
_PAIR: Final = frozenset({"key", "value"})


def nested_text(value: object) -> str:
    """Write an object or a list with sorted keys and without blanks; numbers keep their digits.

    A list of `{"key": ..., "value": ...}` pairs, as BigQuery has labels, becomes the object it stands for, unless a key
    comes twice.
    """
    return _ENCODER.encode(_object_of_pairs(value)).decode()


def canonical_nested(text: str, *, absent_as_null: bool) -> str:
    """The same for a value that is JSON text.

    Args:
        text: JSON as DuckDB writes a nested Parquet value.
        absent_as_null: leave members without a value out: a STRUCT has every field in every row, and what a row does
            not have is null there.
    """
    try:
        value = _DECODER.decode(text)
    except msgspec.DecodeError:  # NaN and infinity are in doubles, not in JSON: left for the column's rule to refuse
        return text
    return nested_text(_without_nulls(value) if absent_as_null else value)


def _object_of_pairs(value: object) -> object:
    if not isinstance(value, list) or not value:
        return value
    if not all(isinstance(pair, dict) and pair.keys() == _PAIR and isinstance(pair["key"], str) for pair in value):
        return value
    found = {pair["key"]: pair["value"] for pair in value}
    return found if len(found) == len(value) else value


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value
