"""Trying a rule set on the open months before it comes into force: what does not add up never replaces what does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Buckets
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.methods import CannotDivide
from services.allocator.earlier_months import earlier_months
from services.allocator.loading import LoadedRuleSet
from services.allocator.planning import drivers_for
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


async def try_on_open_months(engine: AsyncEngine, loaded: LoadedRuleSet) -> list[Held]:
    """Allocate every open month that the rule set will be in force for; returns those that would be held.

    What would be held may be meant: its driver is still to come. A month whose costs are not collected by all that the
    rules look at can't be tried.

    Raises:
        NotConserved: if a month does not add up.
    """
    async with engine.connect() as conn:
        row = await lenses.covering(conn, dimensions_used(loaded.rule_set))
        if row is None or row.state != "active":
            return []
        periods = [
            period for period in await buckets.periods(conn, row.lens.lens_id, loaded.rule_set.effective_from)
            if await _is_open(conn, period)
        ]  # fmt: skip
        tried = [await _try(conn, row, period, loaded) for period in periods]
    return [one for one in tried if one is not None]


async def _is_open(conn: AsyncConnection, billing_period: str) -> bool:
    period = await records.period(conn, billing_period)
    return period is None or period.state not in {"closing", "closed"}


async def _try(conn: AsyncConnection, row: lenses.LensRow, billing_period: str, loaded: LoadedRuleSet) -> Held | None:
    costs = Buckets(
        billing_period, row.lens.dimensions, await buckets.of_period(conn, row.lens.lens_id, billing_period)
    )
    drivers = await drivers_for(conn, loaded.rule_set, billing_period)
    earlier = await earlier_months(conn, loaded.rule_set, costs)
    try:
        await asyncio.to_thread(allocate, costs, loaded.rule_set, loaded.cost_centers, drivers, earlier)
    except CannotDivide as error:
        return Held(billing_period, str(error))
    except ConservationBroken as error:
        raise NotConserved(billing_period, error) from error
    return None
