"""A cell: what a pool holds in one currency and one part of its partition, and what may be known when it is split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from services.allocator.domain.drivers import Drivers, Window
from services.allocator.domain.pool import Base
from services.allocator.domain.rule_set import Condition

Partition = tuple[tuple[str, str | None], ...]
"""Dimension and value, in the order of the pool's `partition_by`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a pool.

    Args:
        amount: what it holds, in the rule set's basis. It may be zero although charges are in it.
        window: the billing period, or the day if the pool is split by day.
        base: finds the cost that proportional shares are taken from, by cost center, inside the cell's partition.
        charged: finds what charges that meet a condition were to each cost center in the earlier month that the cell's
            partition names; None if it names none, or one without a run.
    """

    pool: str
    currency: str
    partition: Partition
    amount: Decimal
    window: Window
    drivers: Drivers
    base: Callable[[Base], Mapping[str, Decimal]]
    charged: Callable[[Condition | None], Mapping[str, Decimal] | None]

    def holding(self, amount: Decimal) -> Cell:
        """The same cell with another amount: a part of it that a method of its own splits."""
        return replace(self, amount=amount)

    def __str__(self) -> str:
        """How a message names it."""
        where = ", ".join(
            f"{dimension} {value if value is not None else '(none)'}" for dimension, value in self.partition
        )
        return f"pool {self.pool!r}, {self.currency}" + (f", {where}" if where else "")
