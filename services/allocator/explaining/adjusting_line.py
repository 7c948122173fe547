"""A line of an adjustment as it is stored, with the runs around it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.store import adjustments, allocations
from shared.events import AdjustmentRun, Allocation, AllocationRun, decode


@dataclass(frozen=True, slots=True)
class AdjustingLine:
    """A line, its adjustment, and the runs before that: the close's first, then earlier adjustments."""

    line: Allocation
    run: AdjustmentRun
    runs_before: tuple[AllocationRun | AdjustmentRun, ...]

    @property
    def deliveries_before(self) -> frozenset[str]:
        """The deliveries whose cost was allocated before the adjustment."""
        return frozenset(delivery for run in self.runs_before for delivery in run.deliveries)


async def adjusting_line(conn: AsyncConnection, allocation_id: str) -> AdjustingLine | None:
    """A line of an adjustment by its own id; None if it is no adjustment's."""
    body = await adjustments.body(conn, allocation_id)
    if body is None:
        return None
    line = decode(Allocation, body)
    runs = await adjustments.runs_of(conn, line.billing_period)
    (run,) = (one for one in runs if one.number == line.adjustment)
    latest = await allocations.latest_run(conn, line.billing_period)
    assert latest is not None, f"{line.billing_period} is adjusted and has no run"
    earlier = (one for one in runs if one.number < run.number)
    return AdjustingLine(line, run, (decode(AllocationRun, latest[1]), *earlier))
