"""Which dataset of FOCUS a file belongs to, told by its column names alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from services.intake.reading.csv_chunks import chunks, take_header
from services.intake.reading.errors import IntakeRefusal, OtherDataset
from services.intake.reading.json_lines import line_chunks
from services.intake.reading.parquet import parquet_columns
from services.intake.reading.raw import check_file
from services.intake.reading.source import JSON_LINES, Format, format_of, text_blocks
from shared.focus import Dataset, sniff_dataset


def dataset_of(path: Path, name: str) -> Dataset | None:
    """The dataset of a file, from its first bytes (of Parquet, from its footer); None if it can't be read at all.

    Cost and Usage is whatever has the mark of no other dataset: whether it is FOCUS is asked when it is delivered.
    """
    try:
        form = format_of(name, path)
        names = _json_keys(name, path, form) if form in JSON_LINES else _column_names(name, path, form)
    except (IntakeRefusal, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return sniff_dataset({column.strip() for column in names})


def _json_keys(name: str, path: Path, form: Format) -> Collection[str]:
    """The keys of the first object: the marks of datasets are columns that are never null."""
    for piece in line_chunks(name, text_blocks(name, path, form), size=1):
        for line in piece.data.split(b"\n"):
            if line.strip():
                return msgspec.json.decode(line, type=dict[str, msgspec.Raw]).keys()
    return ()


def _column_names(name: str, path: Path, form: Format) -> Collection[str]:
    if form is Format.PARQUET:
        return [column.name for column in parquet_columns(name, path)]
    first = next(chunks(name, text_blocks(name, path, form), size=1), None)
    return take_header(name, first)[0] if first else ()


def is_cost_and_usage(path: Path) -> bool:
    """Whether a file is Cost and Usage and not another dataset, checked as far as that is quick.

    Raises:
        IntakeRefusal: if it can't be taken in at all, as `check_file` says.
    """
    try:
        check_file(path)
    except OtherDataset:
        return False
    return True
