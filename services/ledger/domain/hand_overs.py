"""Control totals: does what the ledger has itself agree with what the writer of a hand-over says it wrote?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.money import text

Figures = Mapping[str, int | Decimal | str]
"""Figure name -> value, such as {"events": 12, "billed_cost": Decimal("1.5")}."""


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """How far a delivery is read. `counts` are what intake says per partition, `read` what is here."""

    delivery_id: str
    counts: tuple[int, ...]
    read: Mapping[int, int]

    def missing(self) -> list[tuple[int, int]]:
        """(partition, next expected sequence) of every partition that is not complete."""
        pairs = ((partition, self.read.get(partition, 0)) for partition in range(len(self.counts)))
        return [(partition, expected) for partition, expected in pairs if expected < self.counts[partition]]


def differences(said: Mapping[str, Figures], own: Mapping[str, Figures]) -> list[str]:
    """Sentences for every figure that differs, by key (a period and currency, say); empty when all agree."""
    return [
        f"{key}: {figure} is {_plain(_figure(own, key, figure))}, should be {_plain(_figure(said, key, figure))}"
        for key in sorted(said.keys() | own.keys())
        for figure in sorted(said.get(key, {}).keys() | own.get(key, {}).keys())
        if _figure(said, key, figure) != _figure(own, key, figure)
    ]


def _figure(of: Mapping[str, Figures], key: str, figure: str) -> int | Decimal | str:
    return of.get(key, {}).get(figure, 0)


def _plain(value: int | Decimal | str) -> str:
    return text(value) if isinstance(value, Decimal) else str(value)
