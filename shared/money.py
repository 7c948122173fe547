"""Exact money: decimals of at most 18 fractional digits, and no float anywhere.

Every amount in Apportion is a `Decimal` that a PostgreSQL `numeric(38,18)` holds exactly. `CONTEXT` traps `Inexact`,
so an operation that would have to round raises instead of losing a fraction of a cent; the two places that may
round (intake, and the invoice run) say so by calling `round_half_even`.
"""

from __future__ import annotations

import functools
from decimal import ROUND_HALF_EVEN, Clamped, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from math import isqrt
from typing import Final

from iso4217 import Currency

SCALE: Final = 18
"""Fractional digits of every stored amount."""

DIGITS_MAX: Final = 38
"""Significant digits of every stored amount: PostgreSQL `numeric(38,18)`, DuckDB `DECIMAL(38,18)`."""

UNIT: Final = Decimal(1).scaleb(-SCALE)
"""The smallest amount: 1e-18."""

ZERO: Final = Decimal(0)

CONTEXT: Final = Context(
    prec=60, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Clamped]
)
"""For sums and products of money: raises `decimal.Inexact` rather than rounding silently."""

_ROUNDING: Final = Context(prec=400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_LIMIT: Final = 10**DIGITS_MAX
_TOLERATED_SUBUNITS_MIN: Final = 100


class AmountOutOfRange(ValueError):
    """An amount that `numeric(38,18)` cannot hold: 20 integer digits at most."""

    def __init__(self, amount: Decimal) -> None:
        self.amount = amount
        super().__init__(f"amount {amount} does not fit 20 integer and {SCALE} fractional digits")


class UnknownCurrency(ValueError):
    """A code that ISO 4217 does not list, or lists without a minor unit (gold, test codes)."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"{code!r} is not an ISO 4217 currency with a minor unit, such as USD, EUR or JPY")


def add(left: Decimal, right: Decimal) -> Decimal:
    """Add two amounts of one currency exactly."""
    return CONTEXT.add(left, right)


def total(amounts: object) -> Decimal:
    """Add amounts of one currency exactly; nothing at all is zero."""
    return functools.reduce(CONTEXT.add, amounts, ZERO)  # type: ignore[call-overload,no-any-return]


def to_units(amount: Decimal, scale: int = SCALE) -> int:
    """Express an amount as an integer of 10**-scale.

    Raises:
        Inexact: if the amount has more fractional digits than `scale`.
    """
    return int(CONTEXT.quantize(amount, Decimal(1).scaleb(-scale)).scaleb(scale, CONTEXT))


def from_units(units: int, scale: int = SCALE) -> Decimal:
    """The inverse of `to_units`.

    Raises:
        AmountOutOfRange: if `numeric(38,18)` could not hold the amount.
    """
    amount = CONTEXT.scaleb(Decimal(units), -scale)
    if abs(units) * 10 ** (SCALE - scale) >= _LIMIT:
        raise AmountOutOfRange(amount)
    return amount


def round_half_even(amount: Decimal, scale: int = SCALE) -> Decimal:
    """Round to `scale` fractional digits, ties to the even digit.

    Raises:
        AmountOutOfRange: if `numeric(38,18)` could not hold the result.
    """
    rounded = _ROUNDING.quantize(amount, Decimal(1).scaleb(-scale))
    if rounded.copy_abs() >= 10 ** (DIGITS_MAX - SCALE):
        raise AmountOutOfRange(amount)
    return rounded


@functools.cache
def minor_unit(currency: str) -> int:
    """Return the fractional digits of a currency's minor unit by ISO 4217: 2 for USD, 0 for JPY, 3 for BHD.

    ISO 4217 and not CLDR: they differ for thirteen currencies, and banks settle by ISO.

    Raises:
        UnknownCurrency: if the code is not listed or has no minor unit.
    """
    try:
        exponent = Currency(currency).exponent
    except ValueError:
        raise UnknownCurrency(currency) from None
    if exponent is None:
        raise UnknownCurrency(currency)
    return int(exponent)


def tolerance(rows: int, currency: str) -> Decimal:
    """How far cost rows may be from the provider's invoice: the rounding variance tolerance of FOCUS 1.4.

        max(100 x subunit, sqrt(rows) x 0.5 x subunit)

    Computed on integers of 1e-18, rounded down, so that comparing an exact difference with it gives the same answer
    as comparing with the irrational bound.

    Raises:
        UnknownCurrency: if the currency has no ISO 4217 minor unit.
    """
    subunit = 10 ** (SCALE - minor_unit(currency))
    return from_units(max(_TOLERATED_SUBUNITS_MIN * subunit, isqrt(max(rows, 0) * subunit * subunit // 4)))


def text(amount: Decimal) -> str:
    """Write an amount as every file and topic does: plain digits, never an exponent, no trailing zeros, no `-0`."""
    plain = format(amount, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain


def rounded(amount: Decimal, currency: str) -> Decimal:
    """An amount in the currency's minor unit, half even, for reading only; a zero has no sign."""
    found = round_half_even(amount, minor_unit(currency))
    return found or found.copy_abs()


def readable(amount: str, currency: str) -> str:
    """A document's exact amount as people read it: `rounded`, with commas between thousands."""
    return f"{rounded(Decimal(amount), currency):,f}"


def minor_text(amount: Decimal, currency: str) -> str:
    """Write an amount with exactly the currency's minor-unit digits (`412.07`, JPY `412`).

    Raises:
        Inexact: if the amount is finer than the minor unit.
    """
    return format(CONTEXT.quantize(amount, Decimal(1).scaleb(-minor_unit(currency))), "f")
