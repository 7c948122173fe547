"""Signs and differences of amounts, exact for all 38 digits.

Python's unary minus, `abs` and the operators round to the thread's context, 28 digits by default; these don't.
"""

from __future__ import annotations

from decimal import Decimal

from shared.money import CONTEXT


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Left - right, exactly."""
    return CONTEXT.subtract(left, right)


def negated(amount: Decimal) -> Decimal:
    """The amount with the other sign."""
    return amount.copy_negate() if amount else amount.copy_abs()


def magnitude(amount: Decimal) -> Decimal:
    """The amount without its sign."""
    return amount.copy_abs()
