"""What an adjustment of a closed billing period would be made from, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.dimensions import dimensions_used
from services.allocator.earlier_months import runs_before
from services.allocator.planning import Inputs, NewPlan, NothingToDo, Waiting, load_version, measured_for, with_costs
from services.allocator.store import adjustments, allocations, lenses, progress, records
from services.allocator.store.progress import Sums
from shared.events import AdjustmentRun, AllocationRun, Delivery, Period, decode
from shared.money import CONTEXT

_NOTHING: Sums = (0, Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class AdjustmentPlan(NewPlan):
    """An adjustment that can be made now.

    `costs` is what all deliveries say; `late` is how much more that is than what was allocated before, and
    `late_deliveries` are those that brought it.
    """

    number: int
    late: dict[str, Sums]
    late_deliveries: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The adjustment's id."""
        return self.inputs.run_id(self.number)


@dataclass(frozen=True, slots=True)
class _Before:
    """What is allocated already: the final run, and the adjustments in their order."""

    final: AllocationRun
    adjustments: list[AdjustmentRun]

    @property
    def _runs(self) -> list[AllocationRun | AdjustmentRun]:
        return [self.final, *self.adjustments]

    @property
    def deliveries(self) -> set[str]:
        return {delivery for run in self._runs for delivery in run.deliveries}

    @property
    def drivers_hash(self) -> str | None:
        return self._runs[-1].drivers_hash

    def less(self, costs: dict[str, Sums]) -> dict[str, Sums]:
        """Costs by currency, less what is allocated already."""
        late = dict(costs)
        for run in self._runs:
            for total in run.totals:
                events, billed, effective = late.get(total.currency, _NOTHING)
                less = CONTEXT.subtract
                late[total.currency] = (
                    events - total.events, less(billed, total.cost_billed), less(effective, total.cost_effective)
                )  # fmt: skip
        return late


async def plan_adjustment(conn: AsyncConnection, period: Period) -> AdjustmentPlan | Waiting | NothingToDo:
    """Decide about an adjustment of a closed period, on one snapshot of the tables.

    There is one if a delivery has brought cost since, or if drivers that its rules use measure something else.
    """
    before = await _before(conn, period)
    if before is None:
        return Waiting(
            f"{period.billing_period} is closed, and the final run of its close {period.close_id} is not in this "
            "database: restore it; until then late cost can't be told from what is invoiced"
        )
    deliveries = records.concerning(await records.all_deliveries(conn), period.billing_period)
    late = _with_cost(deliveries, period.billing_period) - before.deliveries
    loaded = await load_version(conn, before.final.rule_set_version)
    measured = await measured_for(conn, loaded.rule_set, period.billing_period)
    if not late and (measured.drivers_hash if measured else None) == before.drivers_hash:
        return NothingToDo()
    row = await lenses.covering(conn, dimensions_used(loaded.rule_set))
    if row is None:
        return Waiting("the dimensions that the rules of the closed period use are not collected any more")
    missing = await progress.missing(conn, row.lens.lens_id, deliveries)
    if missing is not None:
        return Waiting(missing)
    ids = tuple(sorted(delivery.delivery_id for delivery in deliveries))
    runs = await runs_before(conn, loaded.rule_set, period.billing_period)
    inputs = Inputs(period.billing_period, "adjustment", period.close_id, loaded, row.lens, ids, measured, runs)
    plan = await with_costs(conn, inputs, deliveries)
    if isinstance(plan, Waiting):
        return plan
    return AdjustmentPlan(
        inputs, plan.costs, plan.earlier, plan.assigned, number=len(before.adjustments) + 1,
        late=before.less(plan.costs), late_deliveries=tuple(sorted(late)),
    )  # fmt: skip


async def _before(conn: AsyncConnection, period: Period) -> _Before | None:
    latest = await allocations.latest_run(conn, period.billing_period)
    final = None if latest is None else decode(AllocationRun, latest[1])
    if final is None or final.kind != "final" or final.close_id != period.close_id:
        return None
    return _Before(final, await adjustments.runs_of(conn, period.billing_period))


def _with_cost(deliveries: list[Delivery], billing_period: str) -> set[str]:
    return {one.delivery_id for one in deliveries if progress.published([one], billing_period)}
