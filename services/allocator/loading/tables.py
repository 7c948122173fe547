"""CSV tables of a rule set: cost centers, and mappings from a value to a cost center."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.documents import Problems

ROWS_MAX: Final = 200_000
RESERVED: Final = "SUSPENSE"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class CostCenterRow:
    """A cost center as its table says."""

    cost_center_id: str
    name: str
    owner: str


def read_cost_centers(text: str, file: str, problems: Problems) -> dict[str, CostCenterRow]:
    """Read the cost centers table: columns cost_center_id, name and, if wanted, owner."""
    found: dict[str, CostCenterRow] = {}
    for line, row in _rows(text, file, ("cost_center_id", "name"), problems):
        key = row["cost_center_id"]
        if not _ID.fullmatch(key) or key.upper() == RESERVED:
            advice = f"use up to 64 letters, digits, dots, dashes and underscores; {RESERVED} is reserved"
            problems.add(line, f"{key!r} can't be a cost center id", advice, file=file)
        elif key in found:
            problems.add(line, f"cost center {key} is listed twice", "keep one of them", file=file)
        found[key] = CostCenterRow(key, row["name"] or key, row.get("owner") or "")
    if not found:
        problems.add(0, "no cost centers", "list at least one: cost_center_id,name,owner", file=file)
    return found


def read_mapping(text: str, file: str, known: dict[str, CostCenterRow], problems: Problems) -> dict[str, str]:
    """Read a mapping table: columns value and cost_center_id, each value once."""
    found: dict[str, str] = {}
    for line, row in _rows(text, file, ("value", "cost_center_id"), problems):
        value, cost_center = row["value"], row["cost_center_id"]
        if cost_center not in known:
            problems.add(line, f"unknown cost center {cost_center!r}", "add it to the cost centers table", file=file)
        if found.get(value, cost_center) != cost_center:
            problems.add(line, f"{value!r} is mapped to two cost centers", "keep one of the lines", file=file)
        found[value] = cost_center
    return found


def _rows(text: str, file: str, needed: tuple[str, ...], problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by column name, with its line. Blanks around a cell are dropped in ids and kept in values."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in needed if name not in header]
        if missing or len(set(header)) != len(header):
            wrong = f"column {missing[0]!r} is missing" if missing else "a column is there twice"
            problems.add(1, wrong, f"the first line names the columns: {','.join(needed)}", file=file)
            return
        for count, cells in enumerate(reader):
            if count >= ROWS_MAX:
                problems.add(reader.line_num, f"more than {ROWS_MAX} rows", "split the table", file=file)
                return
            if len(cells) == len(header):
                row = dict(zip(header, cells, strict=True))
                yield reader.line_num, {name: cell if name == "value" else cell.strip() for name, cell in row.items()}
            elif cells:
                wrong = f"{len(cells)} cells in a table of {len(header)} columns"
                problems.add(reader.line_num, wrong, "check commas and quotes", file=file)
    except csv.Error as error:
        problems.add(reader.line_num, f"not readable as CSV: {error}", "check the quotes", file=file)
