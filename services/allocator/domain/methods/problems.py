"""Why a cell can't be divided."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from services.allocator.domain.cell import Cell
from services.allocator.domain.pool import Bounds, Driver


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


class NothingCharged(CannotDivide):
    """A refund's charges are not known from an earlier month, and the pool's policy is to fail."""

    def __init__(self, cell: Cell, *, has_run: bool) -> None:
        super().__init__(
            cell,
            "nobody was charged for the like of it in the newest run of that month"
            if has_run
            else "that is no earlier month with an allocation run to split it by",
            "say who takes it, otherwise: {method: proportional, targets: all} or when_zero: suspense"
            + (", or partition_by less" if has_run else ""),
        )


class HoldsCredit(CannotDivide):
    """The pool adds up to a credit, and its policy is to fail."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(
            cell,
            f"it holds a credit of {cell.amount.copy_abs():f}",
            "say when_negative: mirror or when_negative: suspense, or assign the credit elsewhere",
        )


class DriverMissing(CannotDivide):
    """Nothing was measured of a driver, and its policy is to fail."""

    def __init__(self, cell: Cell, driver: Driver) -> None:
        self.metric, self.window = driver.metric, cell.window
        looked = [f"in {cell.window}"]
        if driver.last_known_days:
            looked.append(f"in the {driver.last_known_days} days before it")
        if driver.instead:
            looked.append(f"of {driver.instead!r} instead")
        super().__init__(
            cell,
            f"nothing is known of driver {driver.metric!r}, neither {' nor '.join(looked)}"
            if len(looked) > 1
            else f"nothing is known of driver {driver.metric!r} {looked[0]}",
            "deliver its measurements, or say missing: {last_known_days: 35} or missing: {then: suspense}",
        )


class BoundsOutOfReach(CannotDivide):
    """So few, or so many, targets have a weight that their least or most shares can't add up to what is split."""

    def __init__(self, cell: Cell, bounds: Bounds, targets: int, percent: Fraction) -> None:
        few = targets * bounds.most < percent
        bound = f"at most {bounds.most:f}" if few else f"at least {bounds.least:f}"
        change = "raise max_percent" if few else "lower min_percent"
        super().__init__(
            cell,
            f"{targets} targets have a weight, and {bound} percent each can't be {_decimal(percent)} percent",
            f"{change}, or give it other targets",
        )


class TooFarApart(CannotDivide):
    """Charges and credits that nearly cancel out, at prices far above what they add up to: no amount holds a part."""

    def __init__(self, cell: Cell, amount: Decimal) -> None:
        super().__init__(
            cell,
            f"it holds {cell.amount:f} of charges and credits far larger than that, and a part of one is {amount:E}",
            "assign the credits elsewhere, or split it by shares",
        )


def _decimal(percent: Fraction) -> str:
    """Up to three decimals, rounded down: only for the eye."""
    thousandths = int(percent * 1000)
    return f"{thousandths // 1000}.{thousandths % 1000:03}".rstrip("0").rstrip(".")
