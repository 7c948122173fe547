"""A chunk of rows as the flags look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

Mask = tuple[str, Any]
"""A flag's code, and which rows of a chunk it is on: a boolean array without nulls."""


class Rows(NamedTuple):
    """Accepted rows: canonical text as dictionaries by column name, and the same with amounts as decimals."""

    text: Mapping[str, pa.DictionaryArray]
    typed: Mapping[str, Any]

    def valid(self, name: str, length: int) -> Any:
        """Which rows have a value in a column."""
        return self.text[name].is_valid() if name in self.text else pc.invert(all_rows(length))

    def equal(self, name: str, value: str) -> Any:
        """Which rows have this very value; none if the file does not have the column."""
        column = self.text[name]
        return taken(column, pc.equal(column.dictionary, value))


def taken(column: pa.DictionaryArray, entries: Any) -> Any:
    """Spread a mask over the distinct values to the rows; rows without a value are not in it."""
    return pc.fill_null(pc.take(pc.fill_null(entries, False), column.indices), False)


def all_rows(length: int) -> Any:
    """A mask with every row in it."""
    return pa.repeat(True, length)


def hits(code: str, mask: Any) -> Iterator[Mask]:
    """The mask if any row is in it."""
    if pc.any(mask).as_py():
        yield code, mask
