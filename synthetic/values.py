"""Column values that charges have in common: of the billing account, the account, the service and its SKU."""

from __future__ import annotations

from functools import lru_cache

from synthetic.amounts import PRICE_SCALE, fixed
from synthetic.catalog import Provider, Service
from synthetic.charges import Invoice
from synthetic.months import Month, Span
from synthetic.organisation import Account

REGULAR = "01"
ADJUSTMENTS = "02"
"""Corrections and credits of a billing account come on an invoice of their own."""


def invoice(account: Account, month: Month, kind: str = REGULAR) -> Invoice:
    """The invoice of the account's billing account."""
    provider = account.provider
    number = provider.billing_accounts.index(account.billing_account) + 1
    return Invoice(provider.issuer, f"{provider.key.upper()}-{month.compact}-{number}{kind}", provider.currency)


@lru_cache(maxsize=1024)
def of_account(account: Account, month: Month, kind: str = REGULAR) -> dict[str, str]:
    """Who pays whom, in which period, for which account."""
    provider, bill = account.provider, invoice(account, month, kind)
    return {
        "BillingAccountId": account.billing_account[0],
        "BillingAccountName": account.billing_account[1],
        "BillingAccountType": provider.billing_account_type,
        "BillingCurrency": provider.currency,
        "BillingPeriodStart": month.whole.start,
        "BillingPeriodEnd": month.whole.end,
        "InvoiceId": bill.invoice_id,
        "InvoiceIssuerName": provider.issuer,
        "PricingCurrency": provider.currency,
        "ProviderName": provider.name,
        "PublisherName": provider.issuer,
        "SubAccountId": account.account_id,
        "SubAccountName": account.name,
        "SubAccountType": provider.sub_account_type,
    }


def of_period(span: Span) -> dict[str, str]:
    """When a charge was incurred."""
    return {"ChargePeriodStart": span.start, "ChargePeriodEnd": span.end}


@lru_cache(maxsize=1024)
def of_service(service: Service, region: tuple[str, str]) -> dict[str, str]:
    """What was used, where."""
    sku = f"SKU-{service.code}-{service.meter}".replace(" ", "").replace(":", "-").upper()
    price = fixed(service.list_price, PRICE_SCALE)
    return {
        "ChargeDescription": f"{price} per {service.unit} of {service.meter}, {region[1]}",
        "PricingUnit": service.unit,
        "RegionId": region[0],
        "RegionName": region[1],
        "ResourceType": service.resource_type,
        "ServiceCategory": service.category,
        "ServiceName": service.name,
        "ServiceSubcategory": service.subcategory,
        "SkuId": sku,
        "SkuMeter": service.meter,
        "SkuPriceId": f"{sku}-{region[0].upper()}",
        "x_ServiceCode": service.code,
        "x_UsageType": service.meter,
    }


def of_fee(provider: Provider, name: str, subcategory: str) -> dict[str, str]:
    """A charge that no meter counts: support, tax, credits."""
    return {
        "ServiceCategory": "Management and Governance" if subcategory == "Support" else "Other",
        "ServiceName": name,
        "ServiceSubcategory": subcategory,
        "x_ServiceCode": f"{provider.key}-billing",
    }
