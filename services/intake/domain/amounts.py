"""Amounts as files write them, made exact: any decimal notation in, plain digits of at most 18 decimals out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from shared.money import DIGITS_MAX, SCALE, ZERO, AmountOutOfRange, round_half_even, text

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER_DIGITS_MAX: Final = DIGITS_MAX - SCALE
_TEXT_LENGTH_MAX: Final = 300
_EXACT: Final = Context(prec=2_000)


class NotAnAmount(ValueError):
    """A text that is no decimal number, or one that 20 integer digits can't hold. `rule` says which."""

    def __init__(self, value: str, rule: str) -> None:
        self.value, self.rule = value, rule
        super().__init__(f"{value!r}: {rule}")


@dataclass(frozen=True, slots=True)
class Amount:
    """Plain canonical digits, and what rounding half-even to 18 decimals took away (value minus rounded)."""

    digits: str
    residue: Decimal = ZERO


def exact_amount(value: str) -> Amount:
    """Parse one amount.

    Accepts digits with an optional sign, point and exponent (`2.3E-9`). Refuses thousands separators, currency signs,
    blanks, NaN and infinity: a file that writes those has to be mended, not guessed at.

    Raises:
        NotAnAmount: saying the rule that the text breaks.
    """
    if len(value) > _TEXT_LENGTH_MAX or not _NUMBER.fullmatch(value):
        raise NotAnAmount(value[:_TEXT_LENGTH_MAX], "must be a decimal number such as -12.5 or 2.3E-9")
    amount = Decimal(value)
    try:
        if amount.adjusted() > _INTEGER_DIGITS_MAX:
            raise AmountOutOfRange(amount)
        rounded = round_half_even(amount)
    except AmountOutOfRange:
        raise NotAnAmount(value, f"must have at most {_INTEGER_DIGITS_MAX} digits before the decimal point") from None
    return Amount(text(rounded), _EXACT.subtract(amount, rounded))
