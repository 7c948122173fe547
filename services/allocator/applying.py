"""Applying a rule set: everything that follows from it, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from services.allocator import publishing
from services.allocator.domain.approval import check_two_people
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.loading import Bundle, LoadedRuleSet, load
from services.allocator.store import lenses, requests, rule_sets
from services.allocator.store.tables import SERVICE, STREAM_TABLES
from services.allocator.trying import Held, TriedPlans, try_on_open_months
from services.allocator.turns import OneMonth
from shared.database import lock_transaction
from shared.outbox import enqueue


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule set that is in force now, and the open months that it can't allocate as things are."""

    loaded: LoadedRuleSet
    held: Sequence[Held]


async def apply(
    engine: AsyncEngine, prefix: str, bundle: Bundle, applied_by: str, approved_by: str, tried: TriedPlans,
    one_month: OneMonth,
) -> Applied:  # fmt: skip
    """Check and try a bundle, keep and publish it, have its dimensions collected, and ask for new runs.

    Applying what is applied already publishes nothing new and makes it the newest again.

    Args:
        tried: where what the trial found is left for the runs.
        one_month: whose turn it is to hold a month in memory.

    Raises:
        ApproverIsAuthor: if one person would do both.
        RuleSetInvalid: with everything that is wrong; then nothing was done.
        NotConserved: if an open month does not add up under it; then nothing was done.
    """
    check_two_people(applied_by, approved_by)
    loaded = await asyncio.to_thread(load, bundle)
    async with one_month:
        trial = await try_on_open_months(engine, loaded)
    async with engine.begin() as conn:
        await lock_transaction(conn, SERVICE, "rule sets")
        known = await rule_sets.bundle(conn, loaded.version) is not None
        version = await rule_sets.apply(conn, bundle, loaded, applied_by, approved_by)
        cost_centers = await rule_sets.keep_cost_centers(conn, loaded)
        out = [publishing.cost_center(prefix, cost_center) for cost_center in cost_centers]
        if not known:
            out.append(publishing.rule_set(prefix, version))
        await enqueue(conn, STREAM_TABLES.outbox, out)
        await lenses.ensure(conn, dimensions_used(loaded.rule_set))
        await requests.add_all_with_cost(conn, loaded.rule_set.effective_from)
    tried.leave(trial)
    return Applied(loaded, trial.held)
