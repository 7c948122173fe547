"""The known sums: of every invoice, and of every owner, in both cost bases, in 1e-15."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from synthetic.amounts import in_cents, plain
from synthetic.charges import Charges, Invoice, Rendered
from synthetic.organisation import SUSPENSE
from synthetic.ownership import POOL

K = TypeVar("K")


@dataclass(slots=True)
class Sum:
    """Rows and what they add up to."""

    rows: int = 0
    billed_cost: int = 0
    effective_cost: int = 0

    def add(self, rows: int, billed_cost: int, effective_cost: int) -> None:
        """Count rows in."""
        self.rows += rows
        self.billed_cost += billed_cost
        self.effective_cost += effective_cost

    def written(self) -> dict[str, object]:
        """As JSON: amounts are decimal strings."""
        return {
            "rows": self.rows,
            "billed_cost": plain(self.billed_cost),
            "effective_cost": plain(self.effective_cost),
        }


def _sums() -> defaultdict[K, Sum]:
    return defaultdict(Sum)


@dataclass(slots=True)
class Totals:
    """What one snapshot of the month adds up to."""

    period: str
    invoices: defaultdict[Invoice, Sum] = field(default_factory=_sums)
    owners: defaultdict[tuple[str, str], Sum] = field(default_factory=_sums)
    categories: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, charges: Charges, rendered: Rendered) -> None:
        """Count charges in."""
        amounts = len(rendered.lines), rendered.billed_cost, rendered.effective_cost
        self.invoices[charges.invoice].add(*amounts)
        self.owners[charges.invoice.currency, charges.owner].add(*amounts)
        self.categories[charges.category] += len(rendered.lines)

    def costs(self, invoice: Invoice) -> tuple[int, int]:
        """BilledCost and EffectiveCost of an invoice so far."""
        known = self.invoices[invoice]
        return known.billed_cost, known.effective_cost

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(known.rows for known in self.invoices.values())

    def currencies(self) -> dict[str, Sum]:
        """Sums per currency."""
        found: defaultdict[str, Sum] = _sums()
        for invoice, known in sorted(self.invoices.items()):
            found[invoice.currency].add(known.rows, known.billed_cost, known.effective_cost)
        return dict(sorted(found.items()))

    def provider_invoices(self) -> Iterator[tuple[str, str, str, str, str]]:
        """What each provider asks for: the sum of BilledCost, rounded half-even to cents."""
        for invoice, known in sorted(self.invoices.items()):
            payable = in_cents(known.billed_cost)
            yield invoice.issuer, invoice.invoice_id, self.period, invoice.currency, payable

    def written(self) -> dict[str, object]:
        """As JSON."""
        return {
            "rows": self.rows,
            "periods": [
                {"billing_period": self.period, "currency": currency, **known.written()}
                for currency, known in self.currencies().items()
            ],
            "invoices": [
                {**invoice._asdict(), **known.written(), "payable": in_cents(known.billed_cost)}
                for invoice, known in sorted(self.invoices.items())
            ],
            "direct": list(self._owned("cost_center")),
            "pools": list(self._owned("pool")),
            "suspense": [
                {"currency": currency, **self.owners[currency, SUSPENSE].written()} for currency in self.currencies()
            ],
            "charge_categories": dict(sorted(self.categories.items())),
        }

    def _owned(self, kind: str) -> Iterator[dict[str, object]]:
        for (currency, owner), known in sorted(self.owners.items()):
            is_pool = owner.startswith(POOL)
            if owner != SUSPENSE and is_pool == (kind == "pool"):
                yield {kind: owner.removeprefix(POOL), "currency": currency, **known.written()}
