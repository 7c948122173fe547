"""Flags about costs: prices that don't lead to them, and fractions that were lost at the source."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.quality.flags.chunk import Mask, Rows, hits

PRICED: Final = (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice"))
"""Costs that FOCUS defines as price x PricingQuantity."""

TOLERANCE: Final = Decimal("0.00001")
"""What a cost may differ from price x quantity in any case: FOCUS states no tolerance, and Azure documents its exports
as right to within 1e-5 of the billing currency."""

RELATIVE_TOLERANCE: Final = Decimal("1E-9")
"""What large costs may differ, as a share of the cost: exports carry doubles (15 digits), and prices of 10 digits."""

_NARROW: Final = pa.decimal128(38, 18)
_WIDE: Final = pa.decimal256(38, 18)
_FACTOR: Final = pa.decimal256(36, 18)
_EXACT: Final = pa.decimal256(56, 36)
_ROUGH: Final = pa.decimal256(57, 18)
_FACTOR_LIMIT: Final = pa.scalar(Decimal(10) ** 18, _NARROW)
_PER_SHARE: Final = pa.scalar(Decimal(1) / RELATIVE_TOLERANCE, pa.decimal256(10, 0))
_ONE: Final = pa.scalar(Decimal(1), _WIDE)
_TOLERATED: Final = pa.scalar(TOLERANCE, _EXACT)


def price_masks(rows: Rows) -> Iterator[Mask]:
    """The flags that take some arithmetic."""
    length = len(rows.typed["BilledCost"])
    yield from hits("effective-cost-rounded", _rounded(rows, length))
    mismatch = pa.repeat(False, length)
    for cost, price in PRICED:
        if {cost, price, "PricingQuantity"} <= rows.typed.keys():
            mismatch = pc.or_(mismatch, _mismatch(rows, cost, price, length))
    yield from hits("cost-price-mismatch", mismatch)


def _mismatch(rows: Rows, cost: str, price: str, length: int) -> Any:
    """Rows that have all three values, are no correction, and whose cost is another than price x quantity."""
    wanted = pc.and_(rows.text[price].is_valid(), rows.text["PricingQuantity"].is_valid())
    wanted = pc.and_(wanted, rows.text[cost].is_valid())
    if "ChargeClass" in rows.text:
        wanted = pc.and_(wanted, rows.text["ChargeClass"].is_null())
    found = pc.indices_nonzero(wanted)
    if not len(found):
        return pa.repeat(False, length)
    if len(found) == length:
        found, values = None, [rows.typed[name] for name in (cost, price, "PricingQuantity")]
    else:
        values = [pc.take(rows.typed[name], found) for name in (cost, price, "PricingQuantity")]
    off = pc.indices_nonzero(pc.greater(_difference(*values), _TOLERATED))
    if not len(off):
        return pa.repeat(False, length)
    off = pc.filter(off, _off_by_a_share(*(pc.take(one, off) for one in values)))
    return _mask(off if found is None else pc.take(found, off), length)


def _difference(cost: Any, price: Any, quantity: Any) -> Any:
    """|cost - price x quantity|, exactly; null where the price is out of reach of 76 digits, far above any real one."""
    price = pc.if_else(pc.less(pc.abs(price), _FACTOR_LIMIT), price, pa.scalar(None, price.type))
    return pc.abs(pc.subtract(cost.cast(_EXACT), pc.multiply(price.cast(_FACTOR), quantity.cast(_WIDE))))


def _off_by_a_share(cost: Any, price: Any, quantity: Any) -> Any:
    difference = _difference(cost, price, quantity).cast(_ROUGH, safe=False)
    return pc.greater(pc.multiply(difference, _PER_SHARE), pc.abs(cost.cast(_WIDE)))


def _rounded(rows: Rows, length: int) -> Any:
    """No purchase, BilledCost has a fraction, EffectiveCost is a whole number less than 1 away from it."""
    fraction = pc.take(pc.match_substring(rows.text["BilledCost"].dictionary, "."), rows.text["BilledCost"].indices)
    whole = pc.take(
        pc.invert(pc.match_substring(rows.text["EffectiveCost"].dictionary, ".")), rows.text["EffectiveCost"].indices
    )
    found = pc.indices_nonzero(pc.and_not(pc.and_(fraction, whole), rows.equal("ChargeCategory", "Purchase")))
    if not len(found):
        return pa.repeat(False, length)
    billed, effective = (pc.take(rows.typed[name], found).cast(_WIDE) for name in ("BilledCost", "EffectiveCost"))
    near = pc.less(pc.abs(pc.subtract(billed, effective)), _ONE)
    return _mask(pc.filter(found, near), length)


def _mask(rows: Any, length: int) -> Any:
    """A mask of a chunk with some rows in it."""
    return pc.is_in(pa.array(range(length), rows.type), value_set=rows) if len(rows) else pa.repeat(False, length)
