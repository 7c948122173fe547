"""The columns of the export in file order, and how a row becomes CSV text.

A resource's rows differ in a few columns only, so the text between those columns is rendered once per resource,
and a row only joins it with its own amounts. That is where the speed comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

METERED: Final = (
    "BilledCost", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountQuantity", "ConsumedQuantity",
    "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost", "PricingQuantity",
)  # fmt: skip
"""What differs between the rows of one resource, in file order."""

FOCUS_1_2: Final = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId", "CapacityReservationStatus", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit",
    "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory",
    "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId",
    "SubAccountName", "SubAccountType", "Tags",
)  # fmt: skip

COLUMNS: Final = (*FOCUS_1_2, "x_ServiceCode", "x_UsageType")

HEADER: Final = ",".join(COLUMNS)

_SLOT: Final = "\0"
_SLOTS: Final = dict.fromkeys(METERED, _SLOT)


def row(values: Mapping[str, str]) -> str:
    """One CSV line without its line end; columns that are not given are null."""
    return ",".join([_field(values.get(column, "")) for column in COLUMNS])


def fragments(values: Mapping[str, str]) -> tuple[str, ...]:
    """The text before, between and after the `METERED` columns: one more than there are of those."""
    return tuple(row({**values, **_SLOTS}).split(_SLOT))


def _field(value: str) -> str:
    if '"' in value or "," in value:
        return '"' + value.replace('"', '""') + '"'
    return value
