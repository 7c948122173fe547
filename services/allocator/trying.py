"""Trying a rule set on the open months before it comes into force: what does not add up never replaces what does.

The runs that follow mostly have the same inputs as the trial. Then they need not read and allocate the month again:
they are made of the lines that the trial has found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator.domain.allocate import allocate_assigned
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.lines import Line
from services.allocator.domain.methods import CannotDivide
from services.allocator.earlier_months import earlier_months
from services.allocator.key_figures import tag_sums
from services.allocator.loading import LoadedRuleSet
from services.allocator.planning import Inputs, NewPlan, NothingToDo, Plan, assigned_costs, drivers_for, plan_by
from services.allocator.store import buckets, lenses, records
from shared.errors import Reject


class NotConserved(Reject):
    """A rule set under which a month does not add up: a fault of the program, which must not reach anybody's books."""

    code = "rule-set-not-conserved"

    def __init__(self, billing_period: str, error: ConservationBroken) -> None:
        super().__init__(f"{billing_period}: {error}. The rule set was not applied; the one in force stays")


@dataclass(frozen=True, slots=True)
class Held:
    """An open month that could not be allocated by the rule set as things are, and why."""

    billing_period: str
    reason: str


@dataclass(frozen=True, slots=True)
class TriedPlan(Plan):
    """A run whose lines are known from a trial by the same inputs.

    `tag_sums` are what `key_figures.tag_sums` found in its costs.
    """

    lines: Sequence[Line]
    tag_sums: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial found: months that would be held, and runs that could be made, as far as memory allows."""

    held: list[Held]
    plans: list[TriedPlan]


class TriedPlans:
    """What the last trial left to the runs that follow: each is taken once, or forgotten when nobody wants it."""

    def __init__(self) -> None:
        self._plans: dict[str, TriedPlan] = {}

    @property
    def billing_periods(self) -> frozenset[str]:
        """The months that are kept."""
        return frozenset(self._plans)

    def leave(self, trial: Trial) -> None:
        """Keep what a trial found, once its rule set is in force."""
        self._plans = {one.inputs.billing_period: one for one in trial.plans}

    def take(self, inputs: Inputs) -> TriedPlan | None:
        """Take out what is kept of a month; None if it is not of exactly these inputs."""
        found = self._plans.pop(inputs.billing_period, None)
        return found if found is not None and found.inputs.digest == inputs.digest else None

    def forget(self, billing_periods: Iterable[str]) -> None:
        """Forget months that want no run any more: another process may have made it."""
        for period in billing_periods:
            self._plans.pop(period, None)


async def try_on_open_months(engine: AsyncEngine, loaded: LoadedRuleSet) -> Trial:
    """Allocate every open month that the rule set will be in force for.

    What would be held may be meant: its driver is still to come. A month whose costs are not collected by all that the
    rules look at can't be tried. One whose newest run was made by just these rules need not be.

    Raises:
        NotConserved: if a month does not add up.
    """
    trial, lines = Trial([], []), 0
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="REPEATABLE READ")
        row = await lenses.covering(conn, dimensions_used(loaded.rule_set))
        if row is None or row.state != "active":
            return trial
        for period in await buckets.periods(conn, row.lens.lens_id, loaded.rule_set.effective_from):
            found = await _try(conn, row, period, loaded) if await _is_open(conn, period) else None
            if isinstance(found, Held):
                trial.held.append(found)
            elif found is not None and lines + len(found.lines) <= _LINES_KEPT_MAX:
                trial.plans.append(found)
                lines += len(found.lines)
    return trial


async def _is_open(conn: AsyncConnection, billing_period: str) -> bool:
    period = await records.period(conn, billing_period)
    return period is None or period.state not in {"closing", "closed"}


async def _try(
    conn: AsyncConnection, row: lenses.LensRow, billing_period: str, loaded: LoadedRuleSet
) -> Held | TriedPlan | None:
    """Try it on one month; if there can be no run yet, on what has come of it."""
    work = await plan_by(conn, billing_period, loaded)
    if isinstance(work, NothingToDo):
        return None
    if isinstance(work, NewPlan):
        assigned, drivers, earlier = work.assigned, work.inputs.drivers, work.earlier
    else:
        assigned = await assigned_costs(conn, row.lens, billing_period, loaded)
        drivers = await drivers_for(conn, loaded.rule_set, billing_period)
        earlier = await earlier_months(conn, loaded.rule_set, assigned.costs)
    try:
        lines = await asyncio.to_thread(allocate_assigned, assigned, drivers, earlier)
    except CannotDivide as error:
        return Held(billing_period, str(error))
    except ConservationBroken as error:
        raise NotConserved(billing_period, error) from error
    if not isinstance(work, NewPlan):
        return None
    by_tag = await asyncio.to_thread(tag_sums, assigned.costs, loaded.rule_set)
    return TriedPlan(work.inputs, work.costs, earlier, lines=lines, tag_sums=by_tag)


_LINES_KEPT_MAX: Final = 300_000
"""About 150 MB."""
