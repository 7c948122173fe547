"""Flags about how the file wrote a value: normalising mends it, so this looks at the text as read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.quality.flags.chunk import Mask, hits, taken
from services.intake.reading.layout import Layout
from services.intake.reading.raw import RawChunk
from services.intake.reading.values import Canonical
from shared.focus import COLUMNS

_UTC: Final = r":[0-9][0-9](?:\.[0-9]+)? ?(?:Z|UTC|[+-]00(?::?00)?)$"
_NO_VALUE: Final = pa.array(
    ["", "N/A", "n/a", "null", "Null", "Not Applicable", "Not applicable", "not applicable", "NOT APPLICABLE"]
)


def source_masks(layout: Layout, raw: RawChunk, columns: Mapping[str, Canonical]) -> Iterator[Mask]:
    """The flags of all rows of a chunk as it was read, refused ones included."""
    yield from hits("time-not-utc", _any_entry(_columns(layout, raw, "datetime"), _not_utc, raw))
    blank = _any_entry(_columns(layout, raw, "string"), _stands_for_null, raw)
    yield from hits("empty-string-for-null", blank if raw.empty_texts is None else pc.or_(blank, raw.empty_texts))
    for name, canonical in columns.items():
        if canonical.broken and COLUMNS[name].type == "json":
            broken = pa.array(list(canonical.broken), canonical.entries.type)
            code = "tags-unparsable" if name == "Tags" else "json-unparsable"
            yield from hits(code, pc.is_in(canonical.entries, value_set=broken))


def texts_for_null(values: Mapping[str, str]) -> dict[str, str]:
    """The values of a row, by column, that stand for no value in a column of text."""
    texts = {name: text for name, text in values.items() if name in COLUMNS and COLUMNS[name].type == "string"}
    found = _stands_for_null(pa.array(list(texts.values()), pa.string())).to_pylist()
    return {name: text for (name, text), stands in zip(texts.items(), found, strict=True) if stands}


def _columns(layout: Layout, raw: RawChunk, kind: str) -> Iterator[pa.DictionaryArray]:
    for name, positions in layout.charge.items():
        if COLUMNS[name].type == kind:
            for position in positions:
                yield from raw.table.column(position).chunks


def _any_entry(columns: Iterable[pa.DictionaryArray], breaks: Any, raw: RawChunk) -> Any:
    """The rows with a value that breaks a rule in any of some columns; the rule sees each distinct value, all of them
    at once, and column by column only if one breaks it.
    """
    found, columns = pa.repeat(False, raw.table.num_rows), list(columns)
    if not columns or not pc.any(breaks(pa.concat_arrays([column.dictionary for column in columns]))).as_py():
        return found
    for column in columns:
        entries = breaks(column.dictionary)
        if pc.any(entries).as_py():
            found = pc.or_(found, taken(column, entries))
    return found


def _not_utc(texts: pa.Array) -> Any:
    return pc.invert(pc.match_substring_regex(texts, _UTC))


def _stands_for_null(texts: pa.Array) -> Any:
    """Which of some distinct texts stand for no value."""
    return pc.or_(pc.is_in(texts, value_set=_NO_VALUE), pc.utf8_is_space(texts))
