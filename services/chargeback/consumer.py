"""Kafka in: allocations, allocation runs, cost centers and period states, applied by id and revision.

A batch is one transaction (`shared.stream` numbers its steps). Applying is idempotent and independent of order, so
nothing here has to know what came before: the drafting of invoices compares totals instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.chargeback.store import allocations, references
from services.chargeback.store.allocations import Arrived
from shared import failpoints, topics
from shared.batch import Batch
from shared.errors import Conflict, Reject
from shared.events import Allocation, AllocationRun, CostCenter, Period
from shared.money import DIGITS_MAX, UnknownCurrency, minor_unit, to_units
from shared.reading import Unreadable, read

TOPICS = (topics.ALLOCATIONS.name, topics.ALLOCATION_RUNS.name, topics.COST_CENTERS.name, topics.PERIODS.name)

ALLOCATION_CONFLICT = "allocation-conflict"


@dataclass(frozen=True, slots=True)
class _Reference:
    kind: type[Any]
    keep: Callable[[AsyncConnection, Any], Awaitable[None]]
    conflict: str


_REFERENCES = {
    topics.ALLOCATION_RUNS.name: _Reference(AllocationRun, references.keep_run, "allocation-run-conflict"),
    topics.COST_CENTERS.name: _Reference(CostCenter, references.keep_cost_center, "cost-center-conflict"),
    topics.PERIODS.name: _Reference(Period, references.keep_period, "period-conflict"),
}


class Consumer:
    """Handles batches of chargeback's stream; `prefix` is what this cluster puts before topic names."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def handle(self, conn: AsyncConnection, batch: Batch) -> None:
        """Apply a batch in the caller's transaction; what can't be accepted goes to the dead letters."""
        lines: dict[str, tuple[Any, Arrived]] = {}
        for record in batch.records:
            topic = record.topic.removeprefix(self._prefix)
            if topic == topics.ALLOCATIONS.name:
                _collect(batch, record, lines)
            else:
                await _keep_reference(conn, batch, record, _REFERENCES[topic])
        if lines:
            await _apply(conn, batch, lines)
        failpoints.reach("chargeback.applied")


def _collect(batch: Batch, record: Any, lines: dict[str, tuple[Any, Arrived]]) -> None:
    """Keep the highest revision of each allocation in the batch; one id must not be applied twice in a statement."""
    try:
        line = _read_allocation(record)
    except Reject as error:
        batch.reject(record, error.code, str(error))
        return
    arrived = Arrived.of(line, record.value)
    _, known = lines.get(line.allocation_id, (None, None))
    if known is None or known.line.revision < line.revision:
        lines[line.allocation_id] = record, arrived
    elif known.line.revision == line.revision and known.content_hash != arrived.content_hash:
        _reject_conflict(batch, record, line)


async def _apply(conn: AsyncConnection, batch: Batch, lines: dict[str, tuple[Any, Arrived]]) -> None:
    conflicts = await allocations.apply(conn, [arrived for _, arrived in lines.values()])
    for allocation_id in sorted(conflicts):
        record, arrived = lines[allocation_id]
        _reject_conflict(batch, record, arrived.line)


def _reject_conflict(batch: Batch, record: Any, line: Allocation) -> None:
    message = str(Conflict("allocation", line.allocation_id, line.revision))
    batch.reject(record, ALLOCATION_CONFLICT, message, line.billing_period)


async def _keep_reference(conn: AsyncConnection, batch: Batch, record: Any, reference: _Reference) -> None:
    try:
        contract = read(reference.kind, record)
    except Reject as error:
        batch.reject(record, error.code, str(error))
        return
    try:
        await reference.keep(conn, contract)
    except Conflict as error:
        batch.reject(record, reference.conflict, str(error), getattr(contract, "billing_period", None))


def _read_allocation(record: Any) -> Allocation:
    line = read(Allocation, record)
    try:
        minor_unit(line.currency)
    except UnknownCurrency as error:
        raise Unreadable(str(error)) from None
    for amount in (line.billed_cost, line.effective_cost):
        if not _fits(amount):
            raise Unreadable(f"amount {amount} of allocation {line.allocation_id} does not fit 20 + 18 digits")
    for weight in (line.weight, line.weight_total):
        if weight is not None and not weight.is_finite():
            raise Unreadable(f"weight {weight} of allocation {line.allocation_id} is not a number")
    return line


def _fits(amount: Decimal) -> bool:
    try:
        return amount.is_finite() and abs(to_units(amount)) < 10**DIGITS_MAX
    except ArithmeticError:
        return False
