"""Why a cost center pays more or less than the month before, in parts that add up to the change exactly.

From the month before to this one, one thing is changed after the other, and the whole company's costs are allocated
after each: the rule set, then the drivers, then one-off charges, then quantities, and last prices. What a step changes
is its part. The order is fixed, so the parts are comparable from month to month; an effect of two things at once (more
of what became dearer) belongs to the later one.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.allocator.archived_costs import archived_rows, expression
from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets, Values
from services.allocator.domain.charged import EarlierMonths
from services.allocator.domain.lines import Line
from services.allocator.domain.rule_set import CHARGE_DAY, CHARGE_MONTH, Basis
from services.allocator.simulating.simulate import Side, dimensions_of
from shared.money import CONTEXT, SCALE, ZERO, from_units, text

PARTS: Final = ("rule", "driver", "one_off", "volume", "price")
_ONE_OFF: Final = "coalesce(ChargeFrequency = 'One-Time' OR ChargeClass = 'Correction', false)"
_QUANTITY: Final = "sum(coalesce(ConsumedQuantity, PricingQuantity))"
_APART: Final = ("SkuPriceId", "SkuId", "ConsumedUnit", "PricingUnit")
"""What makes charges of equal dimensions different things to buy."""


@dataclass(frozen=True, slots=True)
class Month:
    """A billing period, and what it was allocated by."""

    billing_period: str
    side: Side


class _Row(NamedTuple):
    values: Values
    thing: Values
    one_off: bool
    quantity: Decimal | None
    billed_cost: Decimal
    effective_cost: Decimal


def change_of(archive: Path, cost_center: str, before: Month, after: Month) -> list[dict[str, Any]]:
    """The change of what a cost center pays, by currency. Blocking.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive lacks one of the months. CannotDivide: if a pool can't be split by
            the other month's rules or drivers.
    """
    names = _dimensions(before.side, after.side)
    costs = _Costs(names, _rows(archive, before.billing_period, names), _rows(archive, after.billing_period, names))
    basis = after.side.loaded.rule_set.basis
    then, now = before.billing_period, after.billing_period
    earlier = EarlierMonths({**before.side.earlier.months, **after.side.earlier.months})
    new_rules, new_side = Side(after.side.loaded, before.side.drivers, earlier), replace(after.side, earlier=earlier)
    stages = [
        _allocated(costs.before(then), before.side, cost_center, basis),
        _allocated(costs.before(then), new_rules, cost_center, basis),
        _allocated(costs.before(now), new_side, cost_center, basis),
        _allocated(costs.with_new_one_offs(now), new_side, cost_center, basis),
        _allocated(costs.with_new_quantities(now), new_side, cost_center, basis),
        _allocated(costs.after(now), new_side, cost_center, basis),
    ]
    return [_document(currency, stages) for currency in sorted({name for stage in stages for name in stage})]


def _document(currency: str, stages: Sequence[dict[str, Decimal]]) -> dict[str, Any]:
    amounts = [stage.get(currency, ZERO) for stage in stages]
    steps = [CONTEXT.subtract(new, old) for old, new in pairwise(amounts)]
    return {
        "currency": currency, "before": text(amounts[0]), "after": text(amounts[-1]),
        "change": text(CONTEXT.subtract(amounts[-1], amounts[0])),
        "parts": {name: text(step) for name, step in zip(PARTS, steps, strict=True)},
    }  # fmt: skip


def _allocated(buckets: Buckets, side: Side, cost_center: str, basis: Basis) -> dict[str, Decimal]:
    lines = allocate(buckets, side.loaded.rule_set, side.loaded.cost_centers, side.drivers, side.earlier)
    return _sums((line for line in lines if line.cost_center == cost_center), basis)


def _sums(lines: Iterable[Line], basis: Basis) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in lines:
        amount = line.billed_cost if basis == "BilledCost" else line.effective_cost
        found[line.flow.currency] = CONTEXT.add(found.get(line.flow.currency, ZERO), amount)
    return found


def _dimensions(*sides: Side) -> tuple[str, ...]:
    return (*GRAIN, *(name for name in dimensions_of(sides) if name not in GRAIN))


def _rows(archive: Path, billing_period: str, names: Sequence[str]) -> list[_Row]:
    # The month's own charges are of no earlier month, whichever month they are taken into.
    named = [f"nullif({expression(name)}, '{billing_period}')" if name == CHARGE_MONTH else expression(name)
             for name in names]  # fmt: skip
    columns = [*named, *(f'CAST("{name}" AS VARCHAR)' for name in _APART)]
    end = len(names)
    with archived_rows(archive, billing_period) as (connection, source):
        query = f"""SELECT {", ".join(columns)}, {_ONE_OFF}, {_QUANTITY}, sum(BilledCost), sum(EffectiveCost)
            FROM {source} GROUP BY ALL"""  # noqa: S608
        return [
            _Row(row[:end], _thing(names, row[:end]) + row[end:-4], *row[-4:])
            for row in connection.execute(query).fetchall()
        ]


def _thing(names: Sequence[str], values: Values) -> Values:
    """What tells a thing that is bought apart over months: not the invoice it is on, and not the day."""
    return tuple(
        value for name, value in zip(names, values, strict=True) if name not in {"InvoiceId", CHARGE_DAY, CHARGE_MONTH}
    )


class _Costs:
    """Two months' costs, and what lies between them."""

    def __init__(self, names: tuple[str, ...], before: Sequence[_Row], after: Sequence[_Row]) -> None:
        self._names, self._before, self._after = names, before, after
        self._day = names.index(CHARGE_DAY) if CHARGE_DAY in names else None

    def before(self, billing_period: str) -> Buckets:
        """The month before, as if it were some month."""
        return self._buckets(billing_period, self._before)

    def after(self, billing_period: str) -> Buckets:
        """This month."""
        return self._buckets(billing_period, self._after)

    def with_new_one_offs(self, billing_period: str) -> Buckets:
        """The month before, with this month's one-off charges instead of its own."""
        return self._buckets(billing_period, [*_recurring(self._before), *_one_offs(self._after)])

    def with_new_quantities(self, billing_period: str) -> Buckets:
        """This month's quantities at the prices of the month before; what is new has its price of this month."""
        used_before, used_now = _quantities(self._before), _quantities(self._after)
        rows = [
            _scaled(row, used_now[row.thing] / used_before[row.thing])
            for row in _recurring(self._before)
            if row.thing in used_now
        ]
        new = [row for row in _recurring(self._after) if row.thing not in used_before]
        return self._buckets(billing_period, [*rows, *new, *_one_offs(self._after)])

    def _buckets(self, billing_period: str, rows: Iterable[_Row]) -> Buckets:
        found = [
            Bucket(self._in_month(row.values, billing_period), row.billed_cost, row.effective_cost, 1) for row in rows
        ]
        return Buckets(billing_period, self._names, found)

    def _in_month(self, values: Values, billing_period: str) -> Values:
        """Move the charge day into a month: the same day of it, or its last."""
        day = values[self._day] if self._day is not None else None
        if self._day is None or day is None or day.startswith(billing_period):
            return values
        year, month = (int(part) for part in billing_period.split("-"))
        moved = f"{billing_period}-{min(int(day[8:10]), calendar.monthrange(year, month)[1]):02}"
        return (*values[: self._day], moved, *values[self._day + 1 :])


def _recurring(rows: Iterable[_Row]) -> Iterable[_Row]:
    return (row for row in rows if not row.one_off)


def _one_offs(rows: Iterable[_Row]) -> Iterable[_Row]:
    return (row for row in rows if row.one_off)


def _quantities(rows: Iterable[_Row]) -> dict[Values, Fraction]:
    """How much of each thing was bought; what has no quantity counts as one."""
    found: dict[Values, Fraction] = defaultdict(Fraction)
    for row in _recurring(rows):
        found[row.thing] += Fraction(row.quantity or 0)
    return {thing: quantity or Fraction(1) for thing, quantity in found.items()}


def _scaled(row: _Row, factor: Fraction) -> _Row:
    billed, effective = (_times(amount, factor) for amount in (row.billed_cost, row.effective_cost))
    return row._replace(billed_cost=billed, effective_cost=effective)


def _times(amount: Decimal, factor: Fraction) -> Decimal:
    """An amount times a factor, rounded half even to 18 digits: it stands between two exact ones and cancels out."""
    return from_units(round(Fraction(amount) * factor * 10**SCALE))
