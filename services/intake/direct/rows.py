"""Costs as given to rows of FOCUS 1.4: completed, checked by the very rules for files, and written as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from services.intake.direct.body import BodyRefused, Given, Problem, what_of
from services.intake.domain.direct import Row, derive
from services.intake.reading.columns import TEXT
from services.intake.reading.layout import layout_of
from services.intake.reading.normalise import Normaliser
from services.intake.reading.raw import RawChunk
from shared.focus import columns_of

_MANDATORY: Final = tuple(column.name for column in columns_of("1.4") if column.level == "mandatory")
_ROWS_AT_ONCE: Final = 8_192


def complete(source: str, key: str, given: Sequence[Given], media_type: str) -> list[Row]:
    """Derive the columns that were not given, and check every value as if it stood in a file.

    Raises:
        BodyRefused: with every problem found.
    """
    rows = [derive(source, key, values) for _, values in given]
    if problems := _broken(rows, [one.place for one in given]):
        raise BodyRefused(problems, what_of(media_type))
    return rows


def write_file(rows: Sequence[Row]) -> bytes:
    """Write rows as CSV: the same rows, the same bytes."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _names(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _names(rows: Sequence[Row]) -> list[str]:
    return sorted({*_MANDATORY, *(name for row in rows for name in row)})


def _broken(rows: Sequence[Row], places: Sequence[int]) -> list[Problem]:
    names = _names(rows)
    normaliser = Normaliser("", layout_of("", names), 1)
    found: list[Problem] = []
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        columns = {f"c{at}": pa.array([row.get(name) for row in some], TEXT) for at, name in enumerate(names)}
        lines = places[first : first + _ROWS_AT_ONCE]
        raw = RawChunk(pa.table(columns), lambda numbers, lines=lines: [lines[one] for one in numbers])  # type: ignore[misc]
        found += [
            Problem(one.line, one.column, f"has {one.value!r}, but {one.rule}")
            for one in normaliser.normalise(raw).rejections
        ]
    return found
