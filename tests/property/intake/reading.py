"""What intake's reading makes of a file, and what an independent reader finds in the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.intake.reading import check_file
from services.intake.reading.normalise import Normaliser
from services.intake.reading.raw import parsers
from services.intake.reading.source import Format
from tests.judges.reader import by_currency

Sums = dict[str, tuple[int, Decimal, Decimal]]
Row = frozenset[tuple[str, str]]


@dataclass
class Read:
    """Accepted rows as sums by currency, and the refused ones as they were read."""

    form: Format
    accepted: list[Mapping[str, str]] = field(default_factory=list)
    refused: Counter[Row] = field(default_factory=Counter)


def read(path: Path) -> Read:
    """Read a file as a delivery would; raises what reading raises."""
    facts = check_file(path)
    found = Read(facts.format)
    normaliser = Normaliser(facts.name, facts.layout, 6)
    for parse in parsers(facts, path):
        normal = normaliser.normalise(parse())
        columns = normal.table.select(["BilledCost", "EffectiveCost", "BillingCurrency"])
        found.accepted += [{name: str(value) for name, value in row.items()} for row in columns.to_pylist()]
        found.refused.update(frozenset(rejection.row.items()) for rejection in normal.rejections)
    return found


def check_against_independent_reader(path: Path, found: Read) -> None:
    """Every row is there, accepted or refused, and the accepted ones add up to what the file says.

    Damaged Parquet that the other reader can't read at all proves nothing about ours: it has no check sums.
    """
    try:
        rows = _rows(path, found.form)
    except (OSError, pa.ArrowException):
        assert found.form is Format.PARQUET
        return
    left = Counter(frozenset(row.items()) for row in rows)
    assert sum(left.values()) == len(found.accepted) + sum(found.refused.values())
    assert not found.refused - left
    left -= found.refused
    assert by_currency(found.accepted) == by_currency([dict(row) for row in left.elements()])


def _rows(path: Path, form: Format) -> list[dict[str, str]]:
    if form is Format.PARQUET:
        return [_present(_with_focus_times(row)) for row in pq.read_table(path).to_pylist()]
    data = path.read_bytes()
    text = (gzip.decompress(data) if form in {Format.CSV_GZ, Format.JSONL_GZ} else data).decode("utf-8-sig")
    if form in {Format.JSONL, Format.JSONL_GZ}:
        return [_present(_object(line)) for line in text.split("\n") if line.strip()]
    header, *records = [record for record in csv.reader(io.StringIO(text, newline="")) if record]
    names = [name.strip() for name in header]
    return [_present(dict(zip(names, record, strict=True))) for record in records]


def _with_focus_times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for name, value in row.items()}


def _object(line: str) -> dict[str, Any]:
    """Numbers as the text of what they exactly are, nested values as canonical JSON."""
    found = json.loads(line, parse_float=Decimal)
    return {name: value if isinstance(value, str | None) else _text(value) for name, value in found.items()}


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _present(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if value is not None and value not in {"", "NULL"}}
