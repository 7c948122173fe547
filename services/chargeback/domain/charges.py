"""What is invoiced: allocation lines, as far as an invoice needs to know them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Basis = Literal["BilledCost", "EffectiveCost"]
Kind = Literal["direct", "shared"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The grain of a charge: the provider rows it came from are those with these values."""

    issuer: str
    invoice_id: str | None
    service_provider: str
    service_name: str
    billing_account_id: str
    sub_account_id: str | None
    charge_category: str
    charge_class: str | None


@dataclass(frozen=True, slots=True)
class Charge:
    """One allocation line to be invoiced, exact to 1e-18 in both cost bases.

    `weight / weight_total` is the share of the last pool in `path`, or of a direct charge that several owners divide.
    `leg` says which part of a split it is, if it is a part of its own (a spill, an under-recovery); `partition` has the
    values that pools on the way divide by.
    """

    allocation_id: str
    kind: Kind
    billed_cost: Decimal
    effective_cost: Decimal
    origin: Origin
    rule_id: str
    method: str | None = None
    path: tuple[str, ...] = ()
    weight: Decimal | None = None
    weight_total: Decimal | None = None
    leg: str | None = None
    partition: tuple[tuple[str, str | None], ...] = ()

    def cost(self, basis: Basis) -> Decimal:
        """The cost that the run charges, exact."""
        return self.billed_cost if basis == "BilledCost" else self.effective_cost


def reading_order(charge: Charge) -> tuple[str, ...]:
    """How lines stand on an invoice: direct before shared, then by where the cost came from; the id settles ties."""
    origin = charge.origin
    return (
        charge.kind,
        origin.service_provider,
        origin.service_name,
        origin.sub_account_id or "",
        origin.charge_category,
        origin.charge_class or "",
        origin.billing_account_id,
        origin.issuer,
        origin.invoice_id or "",
        charge.rule_id,
        "/".join(charge.path),
        charge.allocation_id,
    )
