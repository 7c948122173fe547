"""Methods that say amounts, and methods that are made of others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Division, Part
from services.allocator.domain.methods.measured import HELD, find, owned
from services.allocator.domain.methods.tiers import pricing
from services.allocator.domain.pool import FixedAmount, FloorPlusVariable, Method, UsageRate
from shared.money import CONTEXT, SCALE, from_units, total

Inner = Callable[[Method, Cell], Division]
"""How a method inside another one is divided, with the pool's policies."""

PRICES_MAX = 10**6
"""Prices may be at most so many times what the pool holds: beyond it a ratio between them says nothing any more."""


def fixed_amounts(method: FixedAmount, cell: Cell, inner: Inner) -> Division:
    """The amounts, and the rest by its own method; less than the amounts is split in proportion to them.

    A credit is split as the mirror image of a charge: weights are what a charge of its size would be split to.
    """
    if cell.currency != method.currency:
        return inner(method.rest, cell)
    parts = [Part(target, Fraction(amount)) for target, amount in method.amounts]
    rest = CONTEXT.subtract(cell.amount.copy_abs(), total(amount for _, amount in method.amounts))
    if rest > 0:
        left = inner(method.rest, cell.holding(rest if cell.amount > 0 else CONTEXT.minus(rest)))
        parts += left.scaled(Fraction(rest))
    return Division.of("fixed_amount", parts, to_the_unit=True)


def floor_and_variable(method: FloorPlusVariable, cell: Cell, inner: Inner) -> Division:
    """A percentage of the pool by one method and the rest by another."""
    percent, held = Fraction(method.floor_percent), Fraction(cell.amount)
    parts: list[Part] = []
    exact = False
    for one, share in ((method.floor, percent), (method.variable, 100 - percent)):
        amount = held * share / 100
        division = inner(one, cell.holding(from_units(round(amount * 10**SCALE))))
        parts += division.scaled(share)
        exact = exact or division.to_the_unit
    return Division.of("floor_plus_variable", parts, to_the_unit=exact)


def usage_rates(method: UsageRate, cell: Cell) -> Division:
    """Each owner's quantity at the rate, and the difference to what the pool holds as a line of its own.

    Prices stay the same when the pool holds a credit. A pool that holds nothing, next to nothing, or another currency
    can't say prices as shares of it: it goes to the variance as a whole.
    """
    held = Fraction(cell.amount)
    everything = Division.of("usage_rate", [Part(method.variance, Fraction(1), _leg(held))])
    if not held or cell.currency != method.currency:
        return everything
    found = find(method.driver, cell)
    if found is None:
        return Division.of("usage_rate", [HELD])
    price = pricing(method.rates)
    prices = {subject: price(quantity) for subject, quantity in found.quantities.items()}
    parts = list(owned(prices, [found], method.targets, method.subjects, cell))
    difference = held - sum((part.weight for part in parts), Fraction(0))
    if abs(difference) > PRICES_MAX * abs(held):
        return everything
    parts.append(Part(method.variance, difference, _leg(difference)))
    return Division.of("usage_rate", parts, to_the_unit=True)


def _leg(difference: Fraction) -> str:
    return "over-recovery" if difference < 0 else "under-recovery"
