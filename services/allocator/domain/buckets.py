"""Buckets: one billing period's cost, added up per combination of dimension values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Final, NamedTuple

from shared.money import total

Values = tuple[str | None, ...]

GRAIN: Final = (
    "BillingCurrency",
    "InvoiceIssuerName",
    "InvoiceId",
    "ServiceProviderName",
    "ServiceName",
    "BillingAccountId",
    "SubAccountId",
    "ChargeCategory",
    "ChargeClass",
)
"""The dimensions of an allocation line: the currency, then the fields of `Origin` in their order."""


class DimensionMissing(LookupError):
    """The buckets were not collected by a dimension that the rules or the line grain need."""

    def __init__(self, dimension: str) -> None:
        self.dimension = dimension
        super().__init__(f"the buckets have no dimension {dimension!r}: they have to be collected again with it")


class Bucket(NamedTuple):
    """Cost of one combination of dimension values. Several buckets with the same values simply add up."""

    values: Values
    billed_cost: Decimal
    effective_cost: Decimal
    events: int


class Sums(NamedTuple):
    """What buckets add up to."""

    events: int
    billed_cost: Decimal
    effective_cost: Decimal


@dataclass(frozen=True, slots=True)
class Buckets:
    """All buckets of one billing period; `dimensions` names the positions of every bucket's values."""

    billing_period: str
    dimensions: tuple[str, ...]
    rows: Sequence[Bucket]


def projection(dimensions: Sequence[str], wanted: Sequence[str]) -> Callable[[Values], Values]:
    """Return the function that picks the wanted dimensions out of a bucket's values, as a tuple.

    Raises:
        DimensionMissing: if the buckets do not have a wanted dimension.
    """
    position = {name: i for i, name in enumerate(dimensions)}
    for name in wanted:
        if name not in position:
            raise DimensionMissing(name)
    positions = [position[name] for name in wanted]
    if not positions:
        return lambda _: ()
    if len(positions) == 1:
        (only,) = positions
        return lambda values: (values[only],)
    return itemgetter(*positions)


def sums_by(buckets: Buckets, names: Sequence[str]) -> dict[Values, Sums]:
    """Add the buckets up by some of their dimensions.

    Those of a sum are collected first, because adding a list up is several times faster than one by one.

    Raises:
        DimensionMissing: if the buckets do not have one of the dimensions.
    """
    pick = projection(buckets.dimensions, names)
    groups: dict[Values, list[Bucket]] = defaultdict(list)
    for row in buckets.rows:
        groups[pick(row[0])].append(row)
    return {
        values: Sums(sum(map(_EVENTS, rows)), total(map(_BILLED, rows)), total(map(_EFFECTIVE, rows)))
        for values, rows in groups.items()
    }


_BILLED, _EFFECTIVE, _EVENTS = itemgetter(1), itemgetter(2), itemgetter(3)
