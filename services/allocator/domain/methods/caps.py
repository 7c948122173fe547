"""Caps: the most that a cost center may get, and where the rest spills to."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Division, Part
from services.allocator.domain.pool import Cap
from services.allocator.domain.rule_set import Target


def capped(division: Division, cap: Cap, cell: Cell) -> Division:
    """Cut what is above a cap, in the rule set's basis, and give it to the spill target.

    All parts of a cost center count together and are cut in proportion; a credit is cut like a charge.
    """
    if cell.currency != cap.currency or not cell.amount:
        return division
    parts = division.scaled(Fraction(cell.amount.copy_abs()))
    got: dict[Target, Fraction] = defaultdict(Fraction)
    for part in parts:
        got[part.target] += part.weight
    limits = ((target, Fraction(amount)) for target, amount in cap.amounts)
    keeps = {target: most / abs(got[target]) for target, most in limits if abs(got[target]) > most}
    if not keeps:
        return division
    kept = [part._replace(weight=part.weight * keeps.get(part.target, 1)) for part in parts]
    spilled = sum((got[target] * (1 - keep) for target, keep in keeps.items()), Fraction(0))
    return Division.of(division.method, [*kept, Part(cap.spill, spilled, "spill")], to_the_unit=True)
