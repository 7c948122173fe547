"""The cost centers table: who can pay, from when to when, and who comes after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.allocator.loading.csv_table import Row, rows
from services.allocator.loading.days import ALWAYS, Days, day_after, days_of
from shared.documents import Problems

RESERVED: Final = "SUSPENSE"
SUCCESSORS_MAX: Final = 50
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OWN: Final = ("cost_center_id", "name", "owner", "valid_from", "valid_to", "successor")


@dataclass(frozen=True, slots=True)
class CostCenterRow:
    """A cost center as its table says.

    `days` are those on which it takes cost; after its last one, `successor` does. `attributes` has every further
    column; empty cells are left out. `line` is where the table has it.
    """

    cost_center_id: str
    name: str
    owner: str
    days: Days = ALWAYS
    successor: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    line: int = field(default=0, compare=False)


CostCenters = Mapping[str, CostCenterRow]


def read_cost_centers(text: str, file: str, problems: Problems) -> dict[str, CostCenterRow]:
    """Read the cost centers table: cost_center_id, name, and if wanted owner, dates, successor and attributes."""
    found: dict[str, CostCenterRow] = {}
    for line, row in rows(text, file, ("cost_center_id", "name"), problems):
        key = row["cost_center_id"]
        if not _ID.fullmatch(key) or key.upper() == RESERVED:
            advice = f"use up to 64 letters, digits, dots, dashes and underscores; {RESERVED} is reserved"
            problems.add(line, f"{key!r} can't be a cost center id", advice, file=file)
        elif key in found:
            problems.add(line, f"cost center {key} is listed twice", "keep one of them", file=file)
        found[key] = _cost_center(row, line, file, problems)
    if not found:
        problems.add(0, "no cost centers", "list at least one: cost_center_id,name,owner", file=file)
    _check_successors(found, file, problems)
    return found


def _cost_center(row: Row, line: int, file: str, problems: Problems) -> CostCenterRow:
    key, successor = row["cost_center_id"], row.get("successor", "")
    days = days_of(row, line, file, problems)
    if successor and days.last == ALWAYS.last:
        advice = "give valid_to, its last day, or take the successor out"
        problems.add(line, f"cost center {key} has a successor and no end", advice, file=file)
        successor = ""
    attributes = {name: cell for name, cell in row.items() if name not in _OWN and cell}
    return CostCenterRow(key, row["name"] or key, row.get("owner", ""), days, successor, attributes, line)


def _check_successors(found: CostCenters, file: str, problems: Problems) -> None:
    for row in found.values():
        if not row.successor:
            continue
        after = found.get(row.successor)
        if after is None:
            advice = problems.suggestion(row.successor, found, "add it to the table, or correct the id")
            problems.add(row.line, f"unknown successor {row.successor!r}", advice, file=file)
        elif after.days.first > day_after(row.days.last):
            message = f"{row.cost_center_id} ends on {row.days.last}, its successor begins on {after.days.first}"
            problems.warn(row.line, message, "nobody owns the days between; join the dates", file=file)
        chain = _chain(row, found)
        if chain[-1] in chain[:-1]:
            if chain[-1] == row.cost_center_id == min(chain):
                message = f"successors go in a circle: {' -> '.join(chain)}"
                problems.add(row.line, message, "let the last of them have none", file=file)
        elif len(chain) > SUCCESSORS_MAX:
            message = f"more than {SUCCESSORS_MAX} successors follow each other"
            problems.add(row.line, message, "name the newest cost center as the successor", file=file)


def _chain(row: CostCenterRow, found: CostCenters) -> list[str]:
    """A cost center and its successors, up to the first that comes again, or one more than are allowed."""
    chain = [row.cost_center_id]
    while row.successor in found and len(chain) <= SUCCESSORS_MAX:
        chain.append(row.successor)
        if row.successor in chain[:-1]:
            break
        row = found[row.successor]
    return chain
