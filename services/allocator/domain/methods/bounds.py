"""The least and the most that one target may take of a pool: water-filling, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Division, Part
from services.allocator.domain.methods.problems import BoundsOutOfReach
from services.allocator.domain.pool import Bounds


def bounded(division: Division, bounds: Bounds, cell: Cell) -> Division:
    """Set shares outside the bounds to them; what that takes or frees, the others share in their own proportion.

    What is not a target's share (a leg, such as unowned subjects) stays as it is.

    Raises:
        BoundsOutOfReach: if shares inside the bounds can't add up.
    """
    whole = division.whole
    percents = [part._replace(weight=part.weight * 100 / whole) for part in division.parts]
    free = [part for part in percents if not part.leg]
    least, most = Fraction(bounds.least), Fraction(bounds.most)
    if all(least <= part.weight <= most for part in free):
        return division
    percent = sum((part.weight for part in free), Fraction(0))
    if not least * len(free) <= percent <= most * len(free):
        raise BoundsOutOfReach(cell, bounds, len(free), percent)
    level = _level([part.weight for part in free], least, most, percent)
    filled = [Part(target, min(max(level * weight, least), most)) for target, weight, _ in free]
    return Division.of(division.method, [*filled, *(part for part in percents if part.leg)])


def _level(weights: Sequence[Fraction], least: Fraction, most: Fraction, whole: Fraction) -> Fraction:
    """The factor with which `min(max(factor * weight, least), most)` adds up to the whole.

    That sum grows with the factor along a broken line: a target at its least begins to rise at `least / weight` and
    stops at `most / weight`. Walk from bend to bend until the whole is reached.
    """
    bends = [(least / weight, -least, weight) for weight in weights]
    bends += [(most / weight, most, -weight) for weight in weights]
    bends.sort()
    fixed, slope = least * len(weights), Fraction(0)
    for factor, change, bend in bends:
        if slope and fixed + slope * factor >= whole:
            return (whole - fixed) / slope
        fixed, slope = fixed + change, slope + bend
    return bends[-1][0]
