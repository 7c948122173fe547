"""Flags about single values: enumerations, the invoice's id, tag keys."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.intake.quality.flags.chunk import Mask, Rows, hits, taken
from shared.focus import CANONICAL

_GROWING: Final = frozenset({"ServiceSubcategory"})
"""Lists that each version extends."""

ALLOWED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {column.name: frozenset(column.allowed) for column in CANONICAL if column.allowed and column.name not in _GROWING}
)
"""The values that FOCUS allows, by column; null is not among them and is no unknown value."""

_DECODER: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CACHED: Final = 10_000


def value_masks(rows: Rows) -> Iterator[Mask]:
    """The flags that one value decides."""
    yield from _unknown(rows)
    if "InvoiceId" in rows.text:
        billed = pc.invert(rows.equal("BilledCost", "0"))
        yield from hits("invoice-id-missing", pc.and_(pc.is_null(rows.text["InvoiceId"]), billed))
    if "Tags" in rows.text:
        yield from hits("tag-keys-alike", taken(rows.text["Tags"], _keys_alike(rows.text["Tags"].dictionary)))


def unknown_columns(values: Mapping[str, str]) -> list[str]:
    """The columns of a row whose value FOCUS does not know."""
    return [name for name, allowed in ALLOWED.items() if name in values and values[name] not in allowed]


def _unknown(rows: Rows) -> Iterator[Mask]:
    found: Any = None
    for name, allowed in ALLOWED.items():
        if name in rows.text:
            column = rows.text[name]
            entries = pc.invert(pc.is_in(column.dictionary, value_set=pa.array(sorted(allowed))))
            if pc.any(entries).as_py():
                mask = taken(column, entries)
                found = mask if found is None else pc.or_(found, mask)
    if found is not None:
        yield from hits("unknown-value", found)


def _keys_alike(tags: pa.Array) -> Any:
    """Which of some JSON objects have keys that differ in case and surrounding blanks only."""
    return pa.array(
        [text is not None and _collide(tuple(_DECODER.decode(text))) for text in tags.to_pylist()], pa.bool_()
    )


@functools.lru_cache(_CACHED)
def _collide(keys: tuple[str, ...]) -> bool:
    """Many rows have other values under the same keys, so this is asked rarely."""
    return any(times > 1 for times in Counter(key.strip().casefold() for key in keys).values())
