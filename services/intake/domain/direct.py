"""Costs that a team meters itself: the few columns that it says, and what the others follow from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from services.intake.domain.instants import utc_text

REQUIRED: Final = ("BillingCurrency", "ChargePeriodStart", "EffectiveCost", "ServiceName")
"""What nobody can guess."""

KEY_COLUMN: Final = "x_IdempotencyKey"
"""Tells equal costs of two requests apart: they are two costs."""

_DAY: Final = timedelta(days=1)

Row = dict[str, str | None]


def derive(source: str, key: str, given: Mapping[str, str | None]) -> Row:
    """Complete a row by what it says; what it says itself is never changed.

    The billing period is the month of the charge, and the charge lasts a day if nobody says otherwise. The source
    stands for payer and provider. Nobody invoices these costs from outside, so `BilledCost` is zero (FOCUS 1.4: who
    does not invoice a charge must not state a billed cost for it); list and contracted cost are the effective one.

    Args:
        given: values that keep the rules for files.
    """
    said = {name: text for name, text in given.items() if text is not None}
    cost, start = said.get("EffectiveCost"), said.get("ChargePeriodStart")
    derived: Row = {
        "BilledCost": "0", "BillingAccountId": source, "BillingAccountName": source, "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based", "ContractedCost": cost, "InvoiceIssuerName": source, "ListCost": cost,
        "PricingQuantity": said.get("ConsumedQuantity"), "PricingUnit": said.get("ConsumedUnit"),
        "ServiceCategory": "Other", "ServiceProviderName": source, KEY_COLUMN: key,
    }  # fmt: skip
    return derived | (_periods(utc_text(start)) if start else {}) | said


def _periods(start: str) -> Row:
    moment = datetime.fromisoformat(start[:19])
    first = moment.replace(day=1, hour=0, minute=0, second=0)
    after = (first + 31 * _DAY).replace(day=1)
    return {
        "BillingPeriodStart": _text(first), "BillingPeriodEnd": _text(after), "ChargePeriodEnd": _text(moment + _DAY),
    }  # fmt: skip


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds") + "Z"
