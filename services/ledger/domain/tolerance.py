"""How far cost rows may be from the provider's invoice: the rounding variance tolerance of FOCUS 1.4.

    max(100 x subunit, sqrt(rows) x 0.5 x subunit)

Computed on integers of 1e-18, rounded down, so that comparing an exact difference with it gives the same answer as
comparing with the irrational bound.
"""

from __future__ import annotations

from decimal import Decimal
from math import isqrt

from shared.money import SCALE, from_units, minor_unit

_SUBUNITS_MIN = 100


def tolerance(rows: int, currency: str) -> Decimal:
    """The tolerated difference for a number of cost rows.

    Raises:
        UnknownCurrency: if the currency has no ISO 4217 minor unit.
    """
    subunit = 10 ** (SCALE - minor_unit(currency))
    return from_units(max(_SUBUNITS_MIN * subunit, isqrt(max(rows, 0) * subunit * subunit // 4)))
