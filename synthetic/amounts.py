"""Amounts as integers: prices in 1e-10, quantities in 1e-5, so that a cost, price times quantity, is exact in 1e-15."""

from __future__ import annotations

from typing import Final

from shared.money import from_units, text

PRICE_SCALE: Final = 10
QUANTITY_SCALE: Final = 5
COST_SCALE: Final = PRICE_SCALE + QUANTITY_SCALE

QUANTITY_ONE: Final = 10**QUANTITY_SCALE
COST_ONE: Final = 10**COST_SCALE
CENT: Final = COST_ONE // 100


def fixed(units: int, scale: int) -> str:
    """Write an integer of 10**-scale with all its fractional digits, as cost exports do."""
    whole, fraction = divmod(abs(units), 10**scale)
    return f"{'-' if units < 0 else ''}{whole}.{fraction:0{scale}d}"


def plain(units: int) -> str:
    """Write a cost as Apportion's own files do: no trailing zeros."""
    return text(from_units(units, COST_SCALE))


def in_cents(units: int) -> str:
    """Write a cost rounded half-even to whole cents, as invoices do."""
    return fixed(_cents(units, 1), 2)


def percent(units: int, rate: int) -> int:
    """Return `rate` percent of a cost, rounded half-even to cents (but in 1e-15): how taxes and support are charged."""
    return _cents(units * rate, 100) * CENT


def _cents(units: int, divisor: int) -> int:
    whole, rest = divmod(units, divisor * CENT)
    twice = 2 * rest - divisor * CENT
    return whole + (twice > 0 or (twice == 0 and whole % 2 == 1))
