"""Numbers of a rule set: exact, and never by way of a float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from shared.documents import Node, Problems, Text


def decimal_of(node: Node, problems: Problems, what: str) -> Decimal | None:
    """A weight or percentage: not negative, at most 18 fractional digits, never by way of a float."""
    try:
        number = Decimal(node.text) if isinstance(node, Text) else None
    except InvalidOperation:
        number = None
    if (
        number is None
        or not number.is_finite()
        or number < 0
        or int(number.as_tuple().exponent) < -18
        or number > 10**18
    ):
        problems.add(node.line, f"{what} is not a number from 0 on with at most 18 decimals", "write it like 12.5")
        return None
    return number
