"""The made-up company: cost centers with their teams, and the cloud accounts with what each is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from synthetic.catalog import PROVIDERS, Provider
from synthetic.draw import Draw

SUSPENSE: Final = "SUSPENSE"
COST_CENTERS_MIN: Final = 4

_UNITS: Final = (
    "Payments", "Checkout", "Search", "Catalogue", "Pricing", "Logistics", "Returns", "Loyalty", "Identity", "Mobile",
    "Web Shop", "Marketplace", "Fraud", "Risk Models", "Data Platform", "Reporting", "Treasury", "Payroll", "Hiring",
    "Customer Care", "Field Service", "Machine Learning", "Recommendations", "Streaming", "Video", "Maps", "Weather",
    "Telemetry", "Fleet", "Energy", "Métiers", "Façade", "Öffnungszeiten", "@Work Apps", "Legal", "Procurement",
    "Security", "Research", "Partner API", "Archive",
)  # fmt: skip
_SLUGS: Final = {
    "Métiers": "metiers",
    "Façade": "facade",
    "Öffnungszeiten": "oeffnungszeiten",
    "@Work Apps": "work-apps",
}

_ROLES: Final = (("dedicated", 13), ("shared", 2), ("kubernetes", 1), ("observability", 1), ("network", 1),
                 ("training", 1), ("finance", 1))  # fmt: skip
"""How many accounts of each kind a provider has. Dedicated ones have an owner; shared ones have none."""

_USAGE_SHARE: Final = {"dedicated": 6, "shared": 2, "kubernetes": 4, "observability": 3, "network": 3, "training": 2}


@dataclass(frozen=True, slots=True)
class CostCenter:
    """Who can owe. `team` is what its people write into the tag `team`."""

    cost_center_id: str
    name: str
    owner: str
    team: str


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """A linked account, subscription or project. `owner` is the cost center that the account mapping names."""

    provider: Provider
    billing_account: tuple[str, str]
    account_id: str
    name: str
    role: str
    owner: str | None


@dataclass(frozen=True)
class Organisation:
    """Everything that stays the same from month to month."""

    cost_centers: tuple[CostCenter, ...]
    accounts: tuple[Account, ...]

    @property
    def training(self) -> CostCenter:
        """Who pays for what people try out in courses."""
        return self.cost_centers[-1]

    @property
    def artificial_intelligence(self) -> CostCenter:
        """Who pays for models that nobody put a team on."""
        return self.cost_centers[1]

    @cached_property
    def in_use(self) -> tuple[Account, ...]:
        """The accounts that resources run in, each as often as its share of the usage says."""
        return tuple(account for account in self.accounts for _ in range(_USAGE_SHARE.get(account.role, 0)))

    @cached_property
    def by_id(self) -> dict[str, CostCenter]:
        """The cost centers by their id."""
        return {center.cost_center_id: center for center in self.cost_centers}

    def account(self, provider: Provider, role: str) -> Account:
        """The provider's first account of a kind."""
        return next(a for a in self.accounts if a.provider is provider and a.role == role)


def organisation(seed: int, cost_centers: int) -> Organisation:
    """Found the company. The same seed and number of cost centers give the same one in every month."""
    centers = tuple(_cost_center(number) for number in range(cost_centers))
    return Organisation(centers, tuple(_accounts(seed, centers)))


def _cost_center(number: int) -> CostCenter:
    lap, place = divmod(number, len(_UNITS))
    unit, suffix = _UNITS[place], f" {lap + 1}" if lap else ""
    team = _SLUGS.get(unit, unit.lower().replace(" ", "-")) + suffix.replace(" ", "-")
    return CostCenter(f"CC-{1000 + number}", unit + suffix, f"{team}@aurelia.example", team)


def _accounts(seed: int, centers: tuple[CostCenter, ...]) -> Iterator[Account]:
    for provider in PROVIDERS:
        draw = Draw(f"accounts/{seed}/{provider.key}", 256)
        kinds = [role for role, count in _ROLES for _ in range(count)]
        for number, role in enumerate(kinds):
            owner = draw.pick(centers) if role == "dedicated" else None
            billing = provider.billing_accounts[number % len(provider.billing_accounts)]
            name = f"{owner.team}-{draw.pick(('prod', 'nonprod', 'data'))}" if owner else f"{role}-{provider.key}"
            identifier = _account_id(provider, draw, f"{name}-{number}")
            yield Account(provider, billing, identifier, name, role, owner.cost_center_id if owner else None)


def _account_id(provider: Provider, draw: Draw, name: str) -> str:
    if provider.key == "aws":
        return f"{draw.below(10**6):06d}{draw.below(10**6):06d}"
    if provider.key == "azure":
        digits = draw.hexadecimal(32)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return f"aurelia-{name}"
