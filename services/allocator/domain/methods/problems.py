"""Why a cell can't be divided."""

from __future__ import annotations

from services.allocator.domain.cell import Cell


class CannotDivide(ValueError):
    """A pool can't be split as its rule says; the run publishes nothing and says so."""

    def __init__(self, cell: Cell, problem: str, advice: str) -> None:
        self.pool, self.currency = cell.pool, cell.currency
        super().__init__(f"{cell}: {problem}: {advice}")


class NothingToSplitBy(CannotDivide):
    """All weights are zero, and the pool's policy is to fail."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(
            cell,
            "there is nothing to split by, all weights are zero",
            "say when_zero: even or when_zero: suspense, or give it other targets",
        )
