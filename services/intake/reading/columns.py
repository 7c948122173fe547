"""Columns of text as dictionaries: what is written is written once per distinct value, and joined row by row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

TEXT: Final = pa.dictionary(pa.int32(), pa.string())
"""How all columns of text are held."""


def flat(column: Any) -> Any:
    """A column as one array; copied only if it is in several pieces."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def encoded(rows: pa.Table) -> pa.Table:
    """The same rows of text with every column as a dictionary."""
    none = pa.nulls(rows.num_rows, TEXT)  # many columns of an export are empty
    columns = (none if one.null_count == rows.num_rows else one.dictionary_encode() for one in rows.columns)
    return pa.table(dict(zip(rows.column_names, columns, strict=True))).combine_chunks()


def holds_nul(column: pa.DictionaryArray) -> bool:
    """Whether a value of a column of text has a NUL character. Nearly none has, and bytes are looked through faster."""
    texts = column.dictionary
    return b"\0" in bytes(texts.buffers()[2] or b"") and bool(pc.any(pc.match_substring(texts, "\0")).as_py())


def framed(before: str, column: pa.DictionaryArray, after: str) -> pa.DictionaryArray:
    """The same with text around each value; nulls stay."""
    texts = pc.binary_join_element_wise(before, column.dictionary, after, "")
    return pa.DictionaryArray.from_arrays(column.indices, texts)


def without_nulls(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Nulls become empty text."""
    if not column.null_count:
        return column
    entries = pc.fill_null(column.dictionary, "")
    indices = pc.fill_null(column.indices, len(entries)).cast(pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.concat_arrays([entries, pa.array([""])]))


def joined(pieces: Iterable[Any]) -> pa.Array:
    """The texts of each row, one after another: columns of text without nulls, or text that is the same in all rows."""
    decoded = (piece.dictionary_decode() if isinstance(piece, pa.DictionaryArray) else piece for piece in pieces)
    return pc.binary_join_element_wise(*decoded, "")
