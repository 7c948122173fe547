"""Who takes the cost of a cost center on which day: itself, or those that came after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.allocator.domain.rule_set import Tenure
from services.allocator.loading.cost_centers import SUCCESSORS_MAX, CostCenters
from services.allocator.loading.days import ALWAYS, Days, day_after


class Mapped(NamedTuple):
    """A row of a mapping: on these days the value is this cost center's."""

    cost_center: str
    days: Days = ALWAYS


def tenures(cost_center: str, cost_centers: CostCenters, days: Days = ALWAYS) -> tuple[Tenure, ...]:
    """Who takes the cost of a cost center on each of some days; days with nobody are left out."""
    found: list[Tenure] = []
    row = cost_centers.get(cost_center)
    for _ in range(SUCCESSORS_MAX + 1):
        if row is None or days.are_none:
            break
        own = days.within(row.days)
        if not own.are_none:
            found.append(Tenure(row.cost_center_id, *own))
        if not row.successor:
            break
        days = days.within(Days(day_after(row.days.last)))
        row = cost_centers.get(row.successor)
    return tuple(found)


def owners_of(
    rows: Mapping[str, Iterable[Mapped]], cost_centers: CostCenters
) -> tuple[dict[str, str], dict[str, tuple[Tenure, ...]]]:
    """From the rows of a mapping to the values that always have one owner, and those whose owner depends on the day."""
    always: dict[str, str] = {}
    dated: dict[str, tuple[Tenure, ...]] = {}
    for value, mapped in rows.items():
        found = tuple(tenure for one in mapped for tenure in tenures(one.cost_center, cost_centers, one.days))
        if len(found) == 1 and Days(*found[0][1:]) == ALWAYS:
            always[value] = found[0].cost_center
        else:
            dated[value] = found
    return always, dated


def have_dates(cost_centers: CostCenters) -> bool:
    """Whether any cost center begins or ends."""
    return any(row.days != ALWAYS for row in cost_centers.values())
