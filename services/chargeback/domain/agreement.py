"""Whether our own allocation lines are those that a final run says there are, and what is missing if not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from shared.money import ZERO, text


@dataclass(frozen=True, slots=True)
class LineTotals:
    """Control totals over live lines in one currency: all lines counted, suspense apart from what is allocated."""

    lines: int = 0
    allocated_billed: Decimal = ZERO
    allocated_effective: Decimal = ZERO
    suspense_billed: Decimal = ZERO
    suspense_effective: Decimal = ZERO


def differences(claimed: Mapping[str, LineTotals], own: Mapping[str, LineTotals]) -> list[str]:
    """Compare totals by currency and say each difference; an empty list is agreement."""
    nothing = LineTotals()
    return [
        f"{currency} {field.name}: the run says {_plain(wanted)}, we have {_plain(have)}"
        for currency in sorted({*claimed, *own})
        for field in fields(LineTotals)
        if (wanted := getattr(claimed.get(currency, nothing), field.name))
        != (have := getattr(own.get(currency, nothing), field.name))
    ]


def _plain(value: int | Decimal) -> str:
    return text(value) if isinstance(value, Decimal) else str(value)
