"""Graduated prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from services.allocator.domain.pool import Tier


def pricing(tiers: Sequence[Tier]) -> Callable[[Fraction], Fraction]:
    """What a quantity, not negative, costs: each unit at the rate of the tier it is in, tiers in ascending order."""
    steps = [(None if tier.up_to is None else Fraction(tier.up_to), Fraction(tier.rate)) for tier in tiers]
    if len(steps) == 1 and steps[0][0] is None:
        (_, flat) = steps[0]
        return lambda quantity: quantity * flat

    def price(quantity: Fraction) -> Fraction:
        cost, below = Fraction(0), Fraction(0)
        for up_to, rate in steps:
            above = quantity if up_to is None else min(quantity, up_to)
            if above > below:
                cost += (above - below) * rate
                below = above
        return cost

    return price
