"""Graduated prices."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from services.allocator.domain.pool import Tier


def price(quantity: Fraction, tiers: Sequence[Tier]) -> Fraction:
    """What a quantity, not negative, costs: each unit at the rate of the tier it is in, tiers in ascending order."""
    cost, below = Fraction(0), Fraction(0)
    for up_to, rate in ((tier.up_to, tier.rate) for tier in tiers):
        above = quantity if up_to is None else min(quantity, Fraction(up_to))
        if above > below:
            cost += (above - below) * Fraction(rate)
            below = above
    return cost
