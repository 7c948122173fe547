"""Sums without room: an amount of money has 20 digits before the point and 18 behind it, and so has a sum of them."""

from __future__ import annotations

from collections import defaultdict
from decimal import Context, Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from shared.money import DIGITS_MAX, SCALE

_LIMIT: Final = Decimal(10) ** (DIGITS_MAX - SCALE)
_WIDE: Final = pa.decimal256(76, SCALE)
_EXACT: Final = Context(prec=76)
_GROUP: Final = ("billing_period", "BillingCurrency")


class TooLarge(NamedTuple):
    """A cost column whose amounts, regardless of their signs, add up to more than fits."""

    column: str
    billing_period: str
    currency: str


class SumTooLarge(ValueError):
    """A delivery whose costs can't be added up exactly; nothing of it is published."""

    def __init__(self, found: TooLarge | None) -> None:
        self.found = found
        what = (
            f"{found.column} of {found.billing_period} in {found.currency}" if found else "BilledCost or EffectiveCost"
        )
        super().__init__(
            f"{what} adds up to more than {DIGITS_MAX - SCALE} digits before the point; no real cost is that large, so "
            "look for amounts in a wrong unit or column at the source, mend them and deliver again"
        )


def largest_sum(spool: Path) -> TooLarge | None:
    """Find the column that has no room, among the rows that a delivery's spool holds; None if it does not show."""
    sums: dict[TooLarge, Decimal] = defaultdict(Decimal)
    for path in sorted(spool.glob("*.arrow")):
        with pa.OSFile(str(path)) as file:
            _add(sums, pa.ipc.open_file(file).read_all())
    found = max(sums, key=sums.__getitem__, default=None)
    return found if found is not None and sums[found] >= _LIMIT else None


def _add(sums: dict[TooLarge, Decimal], rows: pa.Table) -> None:
    for column in ("BilledCost", "EffectiveCost"):
        places = {name: rows[name].cast(pa.string()) for name in _GROUP}
        table = pa.table(places | {"amount": pc.abs(rows[column].cast(_WIDE))})
        for one in table.group_by(list(_GROUP)).aggregate([("amount", "sum")]).to_pylist():
            found = TooLarge(column, *(one[name] for name in _GROUP))
            sums[found] = _EXACT.add(sums[found], one["amount_sum"])
