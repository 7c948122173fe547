"""What a run of a billing period would be made from, or why there can be none yet.

A run sees whole deliveries only: its buckets must hold exactly what the records of its deliveries say, in every
currency, no event less and none more.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.assigned import Assigned
from services.allocator.domain.buckets import sums_by
from services.allocator.domain.charged import EarlierMonths
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.drivers import NO_DRIVERS, Drivers, Window
from services.allocator.domain.metrics_used import metrics_used
from services.allocator.domain.rule_set import RuleSet
from services.allocator.earlier_months import Runs, charged_in, runs_before
from services.allocator.lens import CURRENCY, Lens
from services.allocator.loading import LoadedRuleSet, load
from services.allocator.store import allocations, buckets, drivers, lenses, progress, records, rule_sets
from services.allocator.store.progress import Sums
from shared.events import AllocationRun, Delivery, Period, decode
from shared.money import text


@dataclass(frozen=True, slots=True)
class Measured:
    """The driver measurements that a run may look at, and the ordinal of the last one that had arrived.

    The hash is over exactly those: a change of anything else restates nothing.
    """

    drivers: Drivers
    drivers_hash: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that decides a run's result; the cost is what the deliveries published."""

    billing_period: str
    kind: Literal["preview", "final", "adjustment"]
    close_id: str | None
    loaded: LoadedRuleSet
    lens: Lens
    deliveries: tuple[str, ...]
    measured: Measured | None = None
    runs_before: Runs | None = None

    @property
    def drivers(self) -> Drivers:
        """The measurements; none if the rules look at none."""
        return self.measured.drivers if self.measured else NO_DRIVERS

    @property
    def digest(self) -> str:
        """Equal for runs that must have equal results."""
        key: list[object] = [
            self.billing_period, self.kind, self.close_id, self.loaded.version, self.lens.lens_id, self.deliveries
        ]  # fmt: skip
        if self.measured is not None:
            key.append(self.measured.drivers_hash)
        if self.runs_before is not None:
            key.append([[month, run.lines_hash] for month, run in sorted(self.runs_before.items())])
        return hashlib.sha256(json.dumps(key).encode()).hexdigest()

    def run_id(self, times_before: int) -> str:
        """Name the run: the same inputs come again when rules are changed and changed back."""
        return hashlib.sha256(f"{self.digest}/{times_before}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that can be made now; `costs` is what goes in, by currency."""

    inputs: Inputs
    costs: dict[str, Sums]
    earlier: EarlierMonths


@dataclass(frozen=True, slots=True)
class NewPlan(Plan):
    """One whose cost the rules have taken, and which is still to be allocated."""

    assigned: Assigned


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that can't be made yet, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The newest run was made from the same inputs."""


async def plan(
    conn: AsyncConnection, billing_period: str, known: Callable[[Inputs], Plan | None]
) -> Plan | Waiting | NothingToDo:
    """Decide about a run of a period that is not closed, on one snapshot of the tables.

    Args:
        known: finds the plan of a run by exactly these inputs, if one was made before.
    """
    version = await rule_sets.in_force(conn, billing_period)
    if version is None:
        return Waiting(f"no rule set applies to {billing_period}: apply one whose effective_from is not later")
    return await plan_by(conn, billing_period, await load_version(conn, version), known)


async def plan_by(
    conn: AsyncConnection, billing_period: str, loaded: LoadedRuleSet,
    known: Callable[[Inputs], Plan | None] = lambda _: None,
) -> Plan | Waiting | NothingToDo:  # fmt: skip
    """Decide about a run by any rule set, in force or not."""
    period = await records.period(conn, billing_period)
    deliveries = _deliveries(await records.all_deliveries(conn), period, billing_period)
    if isinstance(deliveries, Waiting):
        return deliveries
    row = await lenses.covering(conn, dimensions_used(loaded.rule_set))
    if row is None:
        return Waiting("the dimensions that the rules use are not collected yet")
    missing = await progress.missing(conn, row.lens.lens_id, deliveries)
    if missing is not None:
        return Waiting(missing)
    closing = period is not None and period.state == "closing"
    inputs = Inputs(
        billing_period, "final" if closing else "preview", period.close_id if closing and period else None, loaded,
        row.lens, tuple(sorted(delivery.delivery_id for delivery in deliveries)),
        await measured_for(conn, loaded.rule_set, billing_period),
        await runs_before(conn, loaded.rule_set, billing_period),
    )  # fmt: skip
    return await _unless_made(conn, inputs, deliveries, known)


async def _unless_made(
    conn: AsyncConnection, inputs: Inputs, deliveries: Sequence[Delivery], known: Callable[[Inputs], Plan | None]
) -> Plan | Waiting | NothingToDo:
    latest = await allocations.latest_run(conn, inputs.billing_period)
    if latest is not None and latest[0] == inputs.digest:
        return NothingToDo()
    if latest is not None and inputs.close_id and decode(AllocationRun, latest[1]).close_id == inputs.close_id:
        return NothingToDo()
    return known(inputs) or await with_costs(conn, inputs, deliveries)


async def with_costs(conn: AsyncConnection, inputs: Inputs, deliveries: Sequence[Delivery]) -> NewPlan | Waiting:
    """Read the buckets; they must hold exactly what the deliveries say."""
    assigned = await assigned_costs(conn, inputs.lens, inputs.billing_period, inputs.loaded)
    found = assigned.costs
    costs: dict[str, Sums] = {currency or "": sums for (currency,), sums in sums_by(found, [CURRENCY]).items()}
    said = progress.published(deliveries, inputs.billing_period)
    if costs != said:
        have, wanted = (sum(sums[0] for sums in both.values()) for both in (costs, said))
        return Waiting(f"{have} events are in, {wanted} belong to the deliveries: another delivery is still arriving")
    return NewPlan(inputs, costs, await charged_in(conn, inputs.runs_before, found), assigned)


async def assigned_costs(conn: AsyncConnection, lens: Lens, billing_period: str, loaded: LoadedRuleSet) -> Assigned:
    """A billing period's cost as a lens has it, taken by the rules of a rule set."""
    assigned = Assigned(billing_period, lens.dimensions, loaded.rule_set, loaded.cost_centers)
    await buckets.of_period(conn, lens.lens_id, billing_period, assigned.take)
    return assigned


async def drivers_for(conn: AsyncConnection, rule_set: RuleSet, billing_period: str) -> Drivers:
    """The measurements that a run of some rules would look at now."""
    measured = await measured_for(conn, rule_set, billing_period)
    return measured.drivers if measured else NO_DRIVERS


async def measured_for(conn: AsyncConnection, rule_set: RuleSet, billing_period: str) -> Measured | None:
    """What the rules may look at of the drivers; None if they look at none."""
    used = metrics_used(rule_set)
    if not used:
        return None
    found = await drivers.of_run(conn, used, Window.of_month(billing_period))
    key = [
        [metric, subject, text(quantity), window.start.isoformat(), window.end.isoformat()]
        for metric, (subject, quantity, window) in sorted(found)
    ]
    hashed = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return Measured(Drivers.of(found), hashed, await drivers.last_ordinal(conn))


def _deliveries(known: Sequence[Delivery], period: Period | None, billing_period: str) -> Sequence[Delivery] | Waiting:
    """The deliveries of a run: those that a close names, else all that concern the period."""
    concerned = records.concerning(known, billing_period)
    if period is None or period.state != "closing":
        return concerned or Waiting(f"no delivery concerns {billing_period} yet")
    lacking = sorted(set(period.deliveries) - {delivery.delivery_id for delivery in known})
    if lacking:
        return Waiting(f"the record of delivery {lacking[0]}, which the close names, has not arrived")
    return [delivery for delivery in known if delivery.delivery_id in set(period.deliveries)]


async def load_version(conn: AsyncConnection, version: str) -> LoadedRuleSet:
    """An applied rule set, ready to be used."""
    cached = _CACHE.get(version)
    if cached is None:
        bundle = await rule_sets.bundle(conn, version)
        assert bundle is not None, f"rule set {version} was applied and is not in the table"
        if len(_CACHE) >= _CACHED_MAX:
            del _CACHE[next(iter(_CACHE))]
        cached = _CACHE[version] = await asyncio.to_thread(load, bundle)
    return cached


_CACHE: dict[str, LoadedRuleSet] = {}
"""The rule sets asked for last: a version never changes."""

_CACHED_MAX: Final = 4
