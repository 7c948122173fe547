"""Some flagged rows with their line and their values, for people to look up in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.domain.findings import EXAMPLES_MAX, FlagExample
from services.intake.quality.catalogue import CATALOGUE
from services.intake.quality.flags.combining import CODES
from services.intake.quality.flags.source import texts_for_null
from services.intake.quality.flags.values import unknown_columns
from services.intake.reading.layout import Layout
from services.intake.reading.raw import RawChunk

_TEXT_MAX = 200


class Examples:
    """Picks the first flagged rows of one file. Lines cost a second look at a chunk, so it stops when it has enough."""

    def __init__(self, file: str, layout: Layout) -> None:
        self._file, self._layout = file, layout
        self._found: Counter[str] = Counter()

    def pick(self, flags: pa.DictionaryArray, raw_rows: Any, raw: RawChunk) -> list[FlagExample]:
        """Examples among the rows of a chunk; `raw_rows` says which row of the chunk as read each one is."""
        wanted: list[tuple[int, str]] = []
        for code in self._missing(flags):
            has = pc.fill_null(pc.match_substring(flags.dictionary, f'"{code}"'), False)
            rows = pc.filter(raw_rows, pc.fill_null(pc.take(has, flags.indices), False))
            first = rows.slice(0, EXAMPLES_MAX - self._found[code]).to_pylist()
            self._found[code] += len(first)
            wanted += [(row, code) for row in first]
        if not wanted:
            return []
        rows = sorted({row for row, _ in wanted})
        lines = dict(zip(rows, raw.line_of(rows), strict=True))
        return [FlagExample(code, self._file, lines[row], self._values(raw, row, code)) for row, code in wanted]

    def _missing(self, flags: pa.DictionaryArray) -> list[str]:
        texts = "".join(text for text in flags.dictionary.to_pylist() if text)
        return [code for code in CODES if f'"{code}"' in texts and self._found[code] < EXAMPLES_MAX]

    def _values(self, raw: RawChunk, row: int, code: str) -> dict[str, str]:
        """The values that the flag is about, as they were read."""
        if code == "empty-string-for-null":
            return texts_for_null(self._read(raw, row, self._layout.charge))
        values = self._read(raw, row, CATALOGUE[code].columns)
        return {name: values[name] for name in unknown_columns(values)} if code == "unknown-value" else values

    def _read(self, raw: RawChunk, row: int, names: Iterable[str]) -> dict[str, str]:
        values: dict[str, str] = {}
        for name in names:
            texts = [raw.table.column(at)[row].as_py() for at in self._layout.charge.get(name, ())]
            if text := next((one for one in texts if one is not None), None):
                values[name] = text[:_TEXT_MAX]
        return values
