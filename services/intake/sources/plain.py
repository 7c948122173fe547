"""Folders without manifest: what copies, scripts, Oracle and BigQuery leave behind.

A file may be written in numbered parts (`name-00001.csv.gz`, `000000000000.parquet`); these belong together. Oracle
puts one file of new rows per run below `FOCUS Reports/`, in such parts: its files add, they never replace.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from services.intake.sources.errors import MissingPart, PartitionWithoutManifest
from services.intake.sources.found import FoundDelivery, FoundFile, Place, Style
from services.intake.sources.location import StoredFile

_EXPORT: Final = re.compile(r".*\.(?:csv|jsonl|ndjson|json)(?:\.gz)?|.*\.parquet", re.IGNORECASE)
_PART: Final = re.compile(r"(?<![0-9A-Za-z])(?:\d{5}|\d{12})(?=\.[^/]*$)|(?<=part-)\d{5}(?=-[^/]*$)")
_ORACLE: Final = re.compile(r"(?:^|/)focus reports/", re.IGNORECASE)
_PARTITION: Final = re.compile(r"(?:^|/)billing_period=\d{4}-\d{2}/", re.IGNORECASE)


def is_export(file: StoredFile) -> bool:
    """Whether it is named like an export; a dot or an underscore in front marks work in hand."""
    return bool(_EXPORT.fullmatch(file.name)) and not file.name.startswith((".", "_"))


def is_oracle(place: Place, file: StoredFile) -> bool:
    """Whether it lies where Oracle puts its cost reports."""
    return bool(_ORACLE.search(f"{place.location.url}/{file.path}"))


def part_pattern(path: str) -> str:
    """A file's path with the number of its part left open: that of all parts of one file."""
    return _PART.sub("#", path)


def groups(files: Sequence[StoredFile]) -> list[list[StoredFile]]:
    """Files whose names differ in a part's number only, each group in the order of parts."""
    found: dict[str, list[StoredFile]] = defaultdict(list)
    for file in sorted(files):
        found[part_pattern(file.path)].append(file)
    return list(found.values())


def delivery(place: Place, files: Sequence[StoredFile], label: str) -> FoundDelivery:
    """A delivery of files.

    Raises:
        PartitionWithoutManifest: if they are executions of an export. MissingPart: if part of a file is missing.
    """
    for file in files:
        if _PARTITION.search(f"{place.location.url}/{file.path}"):
            raise PartitionWithoutManifest(file.path)
    for group in groups(files):
        _check_parts(group)
    style: Style | None = "append" if all(is_oracle(place, file) for file in files) else None
    return FoundDelivery(label, tuple(FoundFile(file) for file in files), style=style)


def _check_parts(group: Sequence[StoredFile]) -> None:
    """Parts count from 0 or 1 without gaps. A number at the end of a lonely file may mean anything."""
    if len(group) == 1:
        return
    numbers = [int(match[0]) for file in group if (match := _PART.search(file.path))]
    first = min(numbers[0], 1)
    for expected, number in enumerate(numbers, first):
        if number != expected:
            raise MissingPart(group[0].path, expected)
