"""An independent reader: the standard library's csv and Decimal, nothing of intake's."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

Sums = dict[tuple[str, str], tuple[int, Decimal, Decimal]]
_EXACT = Context(prec=500)


def rows_of(data: bytes) -> list[dict[str, str]]:
    """The rows of a CSV by column name."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def sums(rows: Iterable[Mapping[str, str]]) -> Sums:
    """Rows, BilledCost and EffectiveCost by billing period and currency."""
    found: Sums = {}
    for row in rows:
        key = (row["BillingPeriodStart"][:7], row["BillingCurrency"])
        count, billed, effective = found.get(key, (0, Decimal(0), Decimal(0)))
        found[key] = (
            count + 1, _EXACT.add(billed, Decimal(row["BilledCost"])),
            _EXACT.add(effective, Decimal(row["EffectiveCost"])),
        )  # fmt: skip
    return found


def by_currency(rows: Iterable[Mapping[str, str]]) -> dict[str, tuple[int, Decimal, Decimal]]:
    """Rows, BilledCost and EffectiveCost by currency, each amount rounded half-even to the 18 decimals intake keeps."""
    found: dict[str, tuple[int, Decimal, Decimal]] = {}
    for row in rows:
        count, billed, effective = found.get(row["BillingCurrency"], (0, Decimal(0), Decimal(0)))
        found[row["BillingCurrency"]] = (
            count + 1, _EXACT.add(billed, _rounded(row["BilledCost"])),
            _EXACT.add(effective, _rounded(row["EffectiveCost"])),
        )  # fmt: skip
    return found


def _rounded(text: str) -> Decimal:
    return Decimal(text).quantize(Decimal("1E-18"), ROUND_HALF_EVEN, _EXACT)
