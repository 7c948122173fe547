"""How a pool's method divides what it holds: one pure function from a cell to a division."""

from __future__ import annotations

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Division, even
from services.allocator.domain.methods.problems import CannotDivide, NothingToSplitBy
from services.allocator.domain.methods.shares import named_targets, share_parts
from services.allocator.domain.pool import Pool

__all__ = ["CannotDivide", "NothingToSplitBy", "divide", "named_targets"]


def divide(pool: Pool, cell: Cell) -> Division:
    """Divide a cell of a pool.

    Raises:
        CannotDivide: if a policy of the pool is to fail; its message names the cell and what to do.
    """
    parts = share_parts(pool.method, cell)
    method = _NAMES[type(pool.method).__name__]
    if not any(part.weight for part in parts):
        match pool.when_zero:
            case "even":
                method, parts = "even", even(named_targets(pool.method))
            case "fail":
                raise NothingToSplitBy(cell)
            case target:
                return Division.of(None, even([target]))
    return Division.of(method, parts)


_NAMES = {"Even": "even", "Weighted": "weighted", "FixedPercent": "fixed_percent", "Proportional": "proportional"}
