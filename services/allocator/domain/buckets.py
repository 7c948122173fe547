"""Buckets: one billing period's cost, added up per combination of dimension values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Final, NamedTuple

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
    if len(positions) < 2:
        return lambda values: tuple(values[i] for i in positions)
    return itemgetter(*positions)
