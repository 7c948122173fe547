"""Mapping tables: from a value to the cost center that owns it, if wanted by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from services.allocator.domain.rule_set import Tenure
from services.allocator.loading.cost_centers import CostCenters
from services.allocator.loading.csv_table import rows
from services.allocator.loading.days import Days, day_after, day_before, days_of
from services.allocator.loading.owners import Mapped, have_dates, owners_of
from shared.documents import Problems


@dataclass(frozen=True)
class MappingTable:
    """The rows of a mapping by value, and who owns each value in the end: closed cost centers have successors."""

    rows: Mapping[str, tuple[Mapped, ...]]
    cost_centers: CostCenters

    @cached_property
    def owners(self) -> tuple[dict[str, str], dict[str, tuple[Tenure, ...]]]:
        """The owners of the values that always have one, and the tenures of the others."""
        return owners_of(self.rows, self.cost_centers)


def cost_center_ids(cost_centers: CostCenters) -> MappingTable | None:
    """The mapping from each cost center id to itself or its successors; None if that is all of them, every day."""
    if not have_dates(cost_centers):
        return None
    return MappingTable({name: (Mapped(name),) for name in cost_centers}, cost_centers)


def read_mapping(text: str, file: str, known: CostCenters, problems: Problems) -> MappingTable:
    """Read a mapping table: value, cost_center_id, and if wanted valid_from and valid_to.

    A value may be there several times, on days that do not overlap.
    """
    found: dict[str, list[tuple[Days, str, int]]] = defaultdict(list)
    for line, row in rows(text, file, ("value", "cost_center_id"), problems):
        cost_center = row["cost_center_id"]
        if cost_center not in known:
            advice = problems.suggestion(cost_center, known, "add it to the cost centers table")
            problems.add(line, f"unknown cost center {cost_center!r}", advice, file=file)
        found[row["value"]].append((days_of(row, line, file, problems), cost_center, line))
    if not found:
        problems.warn(0, "the table has no rows, so nothing is assigned by it", "add rows, or drop it", file=file)
    for value, mapped in found.items():
        mapped.sort()
        for before, after in pairwise(mapped):
            _check_days(value, before, after, file, problems)
    return MappingTable(
        {value: tuple(Mapped(one, days) for days, one, _ in many) for value, many in found.items()}, known
    )


def _check_days(
    value: str, before: tuple[Days, str, int], after: tuple[Days, str, int], file: str, problems: Problems
) -> None:
    """Compare two rows of a value, the one with the earlier first day before the other."""
    first, second = sorted((before[2], after[2]))
    if before[:2] == after[:2]:
        problems.warn(second, f"{value!r} is listed twice", f"keep one of the lines; the first is {first}", file=file)
    elif not before[0].within(after[0]).are_none:
        to = "" if before[1] == after[1] else " to two cost centers"
        advice = f"keep one of the lines, or give them days that do not overlap; the first is {first}"
        problems.add(second, f"{value!r} is mapped{to} twice on the same days", advice, file=file)
    elif day_after(before[0].last) != after[0].first:
        message = f"{value!r} is nobody's from {day_after(before[0].last)} to {day_before(after[0].first)}"
        problems.warn(after[2], message, "let one line begin on the day after the other ends", file=file)
