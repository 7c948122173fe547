"""HTTP in: simulations against the buckets that the stream has collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator.api import BundleBody, applied_rule_set
from services.allocator.domain.assigned import Assigned
from services.allocator.domain.buckets import Bucket
from services.allocator.domain.drivers import NO_DRIVERS, Drivers
from services.allocator.domain.methods import CannotDivide
from services.allocator.earlier_months import earlier_months
from services.allocator.loading import Bundle, LoadedRuleSet, RuleSetInvalid, load
from services.allocator.measurements import MeasurementInvalid, drivers_of, read_measurement
from services.allocator.planning import drivers_for
from services.allocator.simulating.simulate import Side, dimensions_of, simulate
from services.allocator.store import buckets, lenses, progress, records, rule_sets
from services.allocator.turns import OneMonth
from shared.http import PERIOD, ApiError


class Question(BaseModel):
    """A rule set to try on a billing period, and what to compare it with: by default the one in force."""

    billing_period: str = Field(pattern=PERIOD)
    rules: BundleBody
    against: BundleBody | str | None = Field(None, description="a rule set, or the first digits of an applied version")
    change_drivers: list[dict[str, str]] = Field(
        [],
        max_length=20_000,
        description="measurements, as for POST /v1/drivers, that the new side has instead or besides",
    )


def add_simulation_routes(api: FastAPI, engine: AsyncEngine, one_month: OneMonth) -> None:
    """Add the allocator's simulation route."""

    @api.post("/v1/simulations", tags=["simulations"])
    async def make_simulation(question: Question) -> dict[str, Any]:
        """What the rule set would have done to the month, by cost center, pool and rule. Nothing is published."""
        async with one_month:
            after, changes = await _loaded(question.rules.bundle()), _changes(question.change_drivers)
            async with engine.connect() as conn:
                before = await _loaded(await _against(conn, question))
                sides = await _side(conn, question, before), await _side(conn, question, after, changes)
                taken = await _costs(conn, question.billing_period, sides)
                pairs = [(await _with_earlier_months(conn, *pair), pair[1]) for pair in zip(sides, taken, strict=True)]
            try:
                return await run_in_threadpool(simulate, *pairs[0], *pairs[1])
            except CannotDivide as error:
                raise ApiError(409, "cannot-divide", str(error)) from None


def _changes(measurements: Sequence[Mapping[str, str]]) -> Drivers:
    try:
        return drivers_of(read_measurement(one).measurement for one in measurements)
    except MeasurementInvalid as error:
        raise ApiError(422, "measurements-invalid", str(error)) from None


async def _side(
    conn: AsyncConnection, question: Question, loaded: LoadedRuleSet, changes: Drivers = NO_DRIVERS
) -> Side:
    drivers = await drivers_for(conn, loaded.rule_set, question.billing_period)
    return Side(loaded, drivers.changed(changes))


async def _with_earlier_months(conn: AsyncConnection, side: Side, taken: Assigned) -> Side:
    return replace(side, earlier=await earlier_months(conn, side.loaded.rule_set, taken.costs))


async def _against(conn: AsyncConnection, question: Question) -> Bundle:
    if isinstance(question.against, BundleBody):
        return question.against.bundle()
    period, wanted = question.billing_period, question.against
    if wanted is None:
        version = await rule_sets.in_force(conn, period)
        if version is None:
            raise ApiError(409, "no-rule-set", f"no rule set applies to {period}: name one to compare with (--against)")
        wanted = version
    return (await applied_rule_set(conn, wanted))[1]


async def _loaded(bundle: Bundle) -> LoadedRuleSet:
    try:
        return await run_in_threadpool(load, bundle)
    except RuleSetInvalid as error:
        raise ApiError(422, error.code, str(error)) from None


async def _costs(conn: AsyncConnection, period: str, sides: tuple[Side, Side]) -> list[Assigned]:
    """A whole month's cost, read once and taken by the rules of each side."""
    wanted = dimensions_of(sides)
    row = await lenses.covering(conn, wanted)
    if row is None or row.state != "active":
        raise ApiError(
            409, "dimensions-missing",
            f"the costs are not collected by all of {', '.join(wanted)} yet: simulate from the archive (--archive), "
            "which needs no collecting, or apply the rule set and wait",
        )  # fmt: skip
    deliveries = records.concerning(await records.all_deliveries(conn), period)
    missing = await progress.missing(conn, row.lens.lens_id, deliveries)
    if missing is not None or not deliveries:
        raise ApiError(409, "costs-missing", missing or f"no delivery concerns {period} yet")
    taken = [side.assigned(period, row.lens.dimensions) for side in sides]

    def take(rows: Sequence[Bucket]) -> None:
        for one in taken:
            one.take(rows)

    await buckets.of_period(conn, row.lens.lens_id, period, take)
    return taken
