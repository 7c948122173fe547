"""Charges: metered ones (many rows of one resource, filled into one text) and fees (tax, credit, ...)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from synthetic.amounts import COST_ONE, COST_SCALE, PRICE_SCALE, QUANTITY_ONE, QUANTITY_SCALE, fixed
from synthetic.columns import row
from synthetic.months import Span

_COST: Final = f"%d.%0{COST_SCALE}d"
_QUANTITY: Final = f"%d.%0{QUANTITY_SCALE}d"


class Invoice(NamedTuple):
    """The provider invoice that a charge is on."""

    issuer: str
    invoice_id: str
    currency: str


class Rendered(NamedTuple):
    """CSV lines and what they add up to, in 1e-15."""

    lines: list[str]
    billed_cost: int
    effective_cost: int


class Prices(NamedTuple):
    """Unit prices in 1e-10. `effective` differs from `contracted` where a commitment covers the usage."""

    list: int
    contracted: int
    effective: int

    def columns(self) -> dict[str, str]:
        """The price columns, in the billing currency, which is the pricing currency too."""
        list_price, contracted = fixed(self.list, PRICE_SCALE), fixed(self.contracted, PRICE_SCALE)
        return {
            "ListUnitPrice": list_price,
            "PricingCurrencyListUnitPrice": list_price,
            "ContractedUnitPrice": contracted,
            "PricingCurrencyContractedUnitPrice": contracted,
        }


class Meaning(NamedTuple):
    """Which of a metered row's columns say something: the kinds of rows that FOCUS tells apart."""

    billed: bool
    effective: bool
    consumed: bool
    committed: bool


ON_DEMAND: Final = Meaning(billed=True, effective=True, consumed=True, committed=False)
COVERED: Final = Meaning(billed=False, effective=True, consumed=True, committed=True)
UNUSED: Final = Meaning(billed=False, effective=True, consumed=False, committed=True)
PURCHASE: Final = Meaning(billed=True, effective=False, consumed=False, committed=True)


@dataclass(frozen=True, slots=True)
class Metered:
    """Daily rows of one resource: `days` and `quantities` (1e-5; negative for a refund) side by side."""

    meaning: Meaning
    fragments: tuple[str, ...]
    prices: Prices
    invoice: Invoice
    owner: str
    days: Sequence[Span]
    quantities: Sequence[int]
    category: str = "Usage"
    restatable: bool = False

    @property
    def rows(self) -> int:
        """How many rows this is."""
        return len(self.quantities)

    def first(self, rows: int) -> Metered:
        """The same without what comes after the first rows."""
        return replace(self, days=self.days[:rows], quantities=self.quantities[:rows])

    def render(self) -> Rendered:
        """Write the rows. Every cost is quantity times price, exactly."""
        billed, effective, consumed, committed = self.meaning
        list_price, contracted_price, effective_price = self.prices
        t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10 = self.fragments
        lines: list[str] = []
        for day, size in zip(self.days, self.quantities, strict=True):
            units = abs(size)
            quantity = _QUANTITY % divmod(units, QUANTITY_ONE)
            listed = _COST % divmod(units * list_price, COST_ONE)
            contracted = carried = _COST % divmod(units * contracted_price, COST_ONE)
            if effective_price != contracted_price:
                carried = _COST % divmod(units * effective_price, COST_ONE)
            if size < 0:
                quantity, listed, contracted, carried = (f"-{text}" for text in (quantity, listed, contracted, carried))
            accrued = carried if effective else "0"
            lines.append(
                f"{t0}{contracted if billed else '0'}{t1}{day.end}{t2}{day.start}{t3}{quantity if committed else ''}"
                f"{t4}{quantity if consumed else ''}{t5}{contracted}{t6}{accrued}{t7}{listed}{t8}{accrued}{t9}"
                f"{quantity}{t10}"
            )
        total = sum(self.quantities)
        return Rendered(lines, total * contracted_price if billed else 0, total * effective_price if effective else 0)


@dataclass(frozen=True, slots=True)
class Fee:
    """One row with costs of its own (1e-15), where nothing is metered."""

    values: Mapping[str, str]
    invoice: Invoice
    owner: str
    billed_cost: int
    effective_cost: int
    category: str

    def render(self) -> Rendered:
        """Write the row."""
        billed, effective = fixed(self.billed_cost, COST_SCALE), fixed(self.effective_cost, COST_SCALE)
        costs = {
            "BilledCost": billed,
            "ContractedCost": billed,
            "ListCost": billed,
            "EffectiveCost": effective,
            "PricingCurrencyEffectiveCost": effective,
        }
        return Rendered([row({**self.values, **costs})], self.billed_cost, self.effective_cost)


Charges = Metered | Fee
