"""Fees of each billing account: credit, rounding adjustment, support, and the tax of each invoice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from synthetic import values
from synthetic.amounts import COST_SCALE, fixed, percent
from synthetic.charges import Fee, Invoice
from synthetic.draw import Draw
from synthetic.months import Month
from synthetic.organisation import Account, Organisation
from synthetic.ownership import POOL

Costs = Callable[[Invoice], tuple[int, int]]
"""What an invoice adds up to so far: BilledCost and EffectiveCost in 1e-15."""


def payers(company: Organisation) -> list[Account]:
    """One finance account per billing account, which the fees are charged to."""
    finance = (account for account in company.accounts if account.role == "finance")
    return [
        Account(account.provider, billing, account.account_id, account.name, account.role, None)
        for account in finance
        for billing in account.provider.billing_accounts
    ]


def count(company: Organisation) -> int:
    """How many rows the fees of a month take."""
    return 5 * len(payers(company))


def untaxed(seed: int, month: Month, account: Account, costs: Costs) -> Iterator[Fee]:
    """Support is a percentage of the regular invoice; credit and adjustment come on the other one."""
    provider = account.provider
    draw = Draw(f"fees/{seed}/{month.period}/{account.billing_account[0]}")
    billed, effective = costs(values.invoice(account, month))
    support = percent(billed, provider.support), percent(effective, provider.support)
    yield _fee(account, month, values.REGULAR, "support", "Usage", provider.support_plan, support)
    credit = -(percent(effective, 1 + draw.below(3)) + draw.below(10**7))
    yield _fee(account, month, values.ADJUSTMENTS, "credits", "Credit", "Promotional credit", (credit, credit))
    rounding = (draw.below(10**7) - 5 * 10**6) * 10**6
    yield _fee(account, month, values.ADJUSTMENTS, "credits", "Adjustment", "Rounding", (rounding, rounding))


def tax(month: Month, account: Account, kind: str, costs: Costs) -> Fee:
    """The tax of an invoice, on everything else that is on it."""
    rate = account.provider.tax
    billed, effective = costs(values.invoice(account, month, kind))
    amounts = percent(billed, rate), percent(effective, rate)
    return _fee(account, month, kind, "taxes", "Tax", f"Tax {rate}%", amounts)


def _fee(account: Account, month: Month, kind: str, pool: str, category: str, name: str, costs: tuple[int, int]) -> Fee:
    is_support = pool == "support"
    columns = {
        **values.of_account(account, month, kind),
        **values.of_period(month.whole),
        **values.of_fee(account.provider, name, "Support" if is_support else "Other (Other)"),
        **dict.fromkeys(("SubAccountId", "SubAccountName", "SubAccountType"), ""),
        **(_one_month_of(costs[0]) if is_support else {}),
        "ChargeCategory": category,
        "ChargeDescription": f"{name} of {month.period}",
        "ChargeFrequency": "Recurring" if is_support else "One-Time",
    }
    return Fee(columns, values.invoice(account, month, kind), POOL + pool, *costs, category)


def _one_month_of(price: int) -> dict[str, str]:
    """FOCUS wants usage to have a SKU, a quantity and prices."""
    amount = fixed(price, COST_SCALE)
    return {
        "ConsumedQuantity": "1",
        "ConsumedUnit": "Months",
        "ContractedUnitPrice": amount,
        "ListUnitPrice": amount,
        "PricingCurrencyContractedUnitPrice": amount,
        "PricingCurrencyListUnitPrice": amount,
        "PricingCategory": "Standard",
        "PricingQuantity": "1",
        "PricingUnit": "Months",
        "SkuId": "SUPPORT-PLAN",
        "SkuMeter": "Support plan",
        "SkuPriceId": "SUPPORT-PLAN-MONTHLY",
    }
