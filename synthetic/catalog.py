"""Three providers with what they sell: the made-up price lists of the synthetic export (`services.csv`)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Final

from shared.money import to_units
from synthetic.amounts import PRICE_SCALE, QUANTITY_SCALE


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A service with the one SKU that is used of it. `list_price` in 1e-10, `daily` (a day's quantity) in 1e-5."""

    provider: str
    name: str
    category: str
    subcategory: str
    resource_type: str
    unit: str
    list_price: int
    daily: int
    code: str
    meter: str


def _services() -> tuple[Service, ...]:
    lines = files("synthetic").joinpath("services.csv").read_text(encoding="utf-8").splitlines()
    return tuple(_service(**row) for row in csv.DictReader(lines))


def _service(list_price: str, daily: str, **texts: str) -> Service:
    price, quantity = to_units(Decimal(list_price), PRICE_SCALE), to_units(Decimal(daily), QUANTITY_SCALE)
    return Service(**texts, list_price=price, daily=quantity)


SERVICES: Final = _services()


def _sold_by(provider: str) -> tuple[Service, ...]:
    return tuple(service for service in SERVICES if service.provider == provider)


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """A provider and the company that sends its invoices. `tax` and `support` are whole percents.

    Commitments cover the first of the services.
    """

    key: str
    name: str
    issuer: str
    currency: str
    tax: int
    support: int
    support_plan: str
    billing_account_type: str
    sub_account_type: str
    billing_accounts: tuple[tuple[str, str], ...]
    regions: tuple[tuple[str, str], ...]
    commitments: tuple[tuple[str, str], ...]
    services: tuple[Service, ...]


PROVIDERS: Final = (
    Provider(
        key="aws",
        name="AWS",
        issuer="Amazon Web Services, Inc.",
        currency="USD",
        tax=7,
        support=3,
        support_plan="AWS Support (Business)",
        billing_account_type="Payer account",
        sub_account_type="Linked account",
        billing_accounts=(("040012345678", "Aurelia Group payer"), ("518800112233", "Aurelia Retail, payer")),
        regions=(("us-east-1", "US East (N. Virginia)"), ("us-west-2", "US West (Oregon)")),
        commitments=(("Savings Plan", "Spend"), ("Reserved Instance", "Usage")),
        services=_sold_by("aws"),
    ),
    Provider(
        key="azure",
        name="Microsoft",
        issuer="Microsoft Corporation",
        currency="USD",
        tax=9,
        support=4,
        support_plan="Azure Support (ProDirect)",
        billing_account_type="Billing Profile",
        sub_account_type="Subscription",
        billing_accounts=(("7001-ENT-88213", "Aurelia Enterprise Agreement"),),
        regions=(("eastus", "East US"), ("westeurope", "West Europe"), ("northeurope", "North Europe")),
        commitments=(("Savings Plan", "Spend"), ("Reservation", "Usage")),
        services=_sold_by("azure"),
    ),
    Provider(
        key="gcp",
        name="Google Cloud",
        issuer="Google Cloud EMEA Limited",
        currency="EUR",
        tax=20,
        support=3,
        support_plan="Cloud Customer Care (Enhanced)",
        billing_account_type="Billing Account",
        sub_account_type="Project",
        billing_accounts=(("01A2B3-C4D5E6-F70819", "Aurelia Europa"),),
        regions=(("europe-west3", "Frankfurt"), ("europe-west1", "Belgium"), ("us-central1", "Iowa")),
        commitments=(("Flexible Committed Use", "Spend"), ("Committed Use Discount", "Usage")),
        services=_sold_by("gcp"),
    ),
)
