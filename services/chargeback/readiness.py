"""What has to be there before a period's invoices can be drafted, and what of it is missing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.chargeback.domain.agreement import LineTotals, differences
from services.chargeback.store import allocations, references
from shared.events import AllocationRun, AllocationTotals, Period


@dataclass(frozen=True, slots=True)
class Readiness:
    """The close that invoices are to be drafted for; ready when `run` is there and nothing is missing."""

    period: Period | None
    run: AllocationRun | None
    missing: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether drafting may begin."""
        return self.run is not None and not self.missing


async def readiness(conn: AsyncConnection, billing_period: str) -> Readiness:
    """Compare what we have of a period with what its final allocation run says there is.

    Cheap checks come first: the lines are hashed only when their counts and sums agree already.
    """
    period = await references.period(conn, billing_period)
    if period is None or period.close_id is None or period.state not in {"closing", "closed"}:
        return Readiness(period, None, ("the ledger has not begun to close this period",))
    run = await references.final_run(conn, period.close_id)
    if run is None:
        return Readiness(period, None, (f"the final allocation run of close {period.close_id} has not arrived",))
    return Readiness(period, run, tuple(await _missing(conn, run)))


async def _missing(conn: AsyncConnection, run: AllocationRun) -> list[str]:
    own = await allocations.own_totals(conn, run.billing_period)
    if found := differences({total.currency: _line_totals(total) for total in run.totals}, own):
        return found
    own_hash = await allocations.lines_hash(conn, run.billing_period)
    if own_hash != run.lines_hash:
        said = f"the run's hash is {run.lines_hash}, ours {own_hash}"
        return [
            f"lines: counts and sums agree, but contents differ ({said}); see the dead letters `allocation-conflict`"
        ]
    charged = await allocations.charged_cost_centers(conn, run.billing_period)
    unknown = charged - set(await references.known_cost_centers(conn, charged))
    return [f"cost center {cost_center} is charged but not known" for cost_center in sorted(unknown)]


def _line_totals(totals: AllocationTotals) -> LineTotals:
    return LineTotals(
        lines=totals.lines,
        allocated_billed=totals.allocated_billed,
        allocated_effective=totals.allocated_effective,
        suspense_billed=totals.suspense_billed,
        suspense_effective=totals.suspense_effective,
    )
