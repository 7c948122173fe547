"""How a pool's method divides what it holds: one pure function from a cell to a division."""

from __future__ import annotations

from typing import Final

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Division, even
from services.allocator.domain.methods.amounts import fixed_amounts, floor_and_variable, usage_rates
from services.allocator.domain.methods.bounds import bounded
from services.allocator.domain.methods.caps import capped
from services.allocator.domain.methods.problems import CannotDivide, HoldsCredit, NothingCharged, NothingToSplitBy
from services.allocator.domain.methods.shares import ShareMethod, charged_parts, share_parts
from services.allocator.domain.methods.targets import named_targets
from services.allocator.domain.pool import (
    AsCharged,
    ByDrivers,
    FixedAmount,
    FloorPlusVariable,
    Method,
    Pool,
    Proportional,
    UsageRate,
    WhenZero,
)

__all__ = ["CannotDivide", "NothingToSplitBy", "divide"]

_NAMES: Final = {
    "Even": "even",
    "Weighted": "weighted",
    "FixedPercent": "fixed_percent",
    "Proportional": "proportional",
    "ByDrivers": "driver",
}


def divide(pool: Pool, cell: Cell) -> Division:
    """Divide a cell of a pool.

    Raises:
        CannotDivide: if a policy of the pool is to fail; its message names the cell and what to do.
    """
    if cell.amount < 0 and pool.when_negative != "mirror":
        if pool.when_negative == "fail":
            raise HoldsCredit(cell)
        return Division.of(None, even([pool.when_negative]))
    division = _divided(pool.method, cell, pool.when_zero)
    return capped(division, pool.cap, cell) if pool.cap else division


def _divided(method: Method, cell: Cell, when_zero: WhenZero) -> Division:
    def inner(method: Method, cell: Cell) -> Division:
        return _divided(method, cell, when_zero)

    match method:
        case FixedAmount():
            return fixed_amounts(method, cell, inner)
        case FloorPlusVariable():
            return floor_and_variable(method, cell, inner)
        case UsageRate():
            return usage_rates(method, cell)
        case AsCharged():
            return _as_charged(method, cell, when_zero)
        case _:
            return _shared(method, cell, when_zero)


def _as_charged(method: AsCharged, cell: Cell, when_zero: WhenZero) -> Division:
    charged = cell.charged(method.where)
    parts = list(charged_parts(method, charged or {}))
    if any(part.weight for part in parts):
        return Division.of("as_charged", parts)
    if method.otherwise:
        return _divided(method.otherwise, cell, when_zero)
    return _nothing(method, when_zero, NothingCharged(cell, has_run=charged is not None))


def _shared(method: ShareMethod, cell: Cell, when_zero: WhenZero) -> Division:
    parts = share_parts(method, cell)
    if any(part.weight for part in parts):
        division = Division.of(_NAMES[type(method).__name__], parts)
        bounds = method.bounds if isinstance(method, Proportional | ByDrivers) else None
        return bounded(division, bounds, cell) if bounds else division
    return _nothing(method, when_zero, NothingToSplitBy(cell))


def _nothing(method: Method, when_zero: WhenZero, error: CannotDivide) -> Division:
    """What the policy says where there is nothing to split by."""
    if when_zero == "fail":
        raise error
    if when_zero == "even":
        return Division.of("even", even(named_targets(method)))
    return Division.of(None, even([when_zero]))
