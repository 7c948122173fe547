"""Earlier months as refunds are split by them: the lines of each month's newest run, read with the costs of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.buckets import Buckets
from services.allocator.domain.charged import NO_EARLIER_MONTHS, Charged, EarlierMonth, EarlierMonths
from services.allocator.domain.charged import looks_at_earlier_months as looks_at
from services.allocator.domain.rule_set import CHARGE_MONTH, RuleSet
from services.allocator.publishing import line_of
from services.allocator.store import allocations
from shared.events import AllocationRun, decode

Runs = Mapping[str, AllocationRun]
"""The newest run of each earlier month, by month."""


async def runs_before(conn: AsyncConnection, rule_set: RuleSet, billing_period: str) -> Runs | None:
    """The runs that a run of some rules may look at; None if they look at none."""
    if not looks_at(rule_set):
        return None
    newest = [decode(AllocationRun, run.body) for run in await allocations.newest_runs(conn)]
    return {run.billing_period: run for run in newest if run.billing_period < billing_period}


async def charged_in(conn: AsyncConnection, runs: Runs | None, costs: Buckets) -> EarlierMonths:
    """The lines of those months that charges are of."""
    if runs is None:
        return NO_EARLIER_MONTHS
    position = costs.dimensions.index(CHARGE_MONTH)
    months = {bucket.values[position] for bucket in costs.rows}
    return await months_as_now(conn, {month: run.run_id for month, run in runs.items() if month in months})


async def months_as_now(conn: AsyncConnection, runs: Mapping[str, str]) -> EarlierMonths:
    """The lines of some months, with the run that each is known by."""
    return EarlierMonths(
        {
            month: EarlierMonth(run_id, await asyncio.to_thread(_charged, await allocations.live_bodies(conn, month)))
            for month, run_id in runs.items()
        }
    )


async def earlier_months(conn: AsyncConnection, rule_set: RuleSet, costs: Buckets) -> EarlierMonths:
    """What a run of some rules would look at now."""
    return await charged_in(conn, await runs_before(conn, rule_set, costs.billing_period), costs)


def _charged(bodies: Sequence[bytes]) -> Sequence[Charged]:
    lines = map(line_of, bodies)
    return [
        Charged((line.flow.currency, *line.flow.origin), line.cost_center, line.billed_cost, line.effective_cost)
        for line in lines
    ]
