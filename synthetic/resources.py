"""Resources: what runs in an account for some days of the month, with refunds, repeated rows and late corrections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from synthetic import values
from synthetic.catalog import Service
from synthetic.charges import ON_DEMAND, Metered, Prices
from synthetic.columns import fragments
from synthetic.draw import Draw, words
from synthetic.months import Month, month_before
from synthetic.organisation import Account, Organisation
from synthetic.ownership import Owned, own

_REFUND_EVERY: Final = 23
_REPEAT_EVERY: Final = 29
_CORRECTION_EVERY: Final = 31
"""One resource in so many has a refunded day, two equal rows, a correction of the month before."""


class Resources:
    """The resources of one month, each from its number alone. `span` is how many days the longest-lived has."""

    def __init__(self, seed: int, month: Month, company: Organisation, span: int) -> None:
        self.seed, self.month, self.company, self.span = seed, month, company, span
        self._before = month_before(month)

    def resource(self, number: int) -> Iterator[Metered]:
        """The charges of a resource: those of this month, then perhaps a correction of the last."""
        draw = Draw(f"resource/{self.seed}/{self.month.period}/{number}")
        account = draw.pick(self.company.in_use)
        service = draw.pick(account.provider.services)
        owned = own(draw, self.company, account, service)
        fixed = _values(draw, account, service, owned)
        prices = _prices(draw, service)
        usage = self._usage(number, draw, account, service, owned, fixed, prices)
        yield usage
        if number % _CORRECTION_EVERY == 0:
            yield self._correction(draw, account, fixed, usage)

    def _usage(
        self, number: int, draw: Draw, account: Account, service: Service, owned: Owned, fixed: dict[str, str],
        prices: Prices,
    ) -> Metered:  # fmt: skip
        lifetime = self.span if draw.below(10) < 7 else 1 + draw.below(self.span)
        first = draw.below(len(self.month.days) - lifetime + 1)
        days = list(self.month.days[first : first + lifetime])
        quantities = self._quantities(number, service.daily << draw.below(5), lifetime)
        if number % _REPEAT_EVERY == 0:
            days.append(days[0])
            quantities.append(quantities[0])
        if number % _REFUND_EVERY == 0:
            days.append(days[-1])
            quantities.append(-quantities[0] // 2)
        text = fragments({**values.of_account(account, self.month), **fixed, **prices.columns()})
        bill = values.invoice(account, self.month)
        return Metered(ON_DEMAND, text, prices, bill, owned.owner, days, quantities, restatable=True)

    def _quantities(self, number: int, typical: int, count: int) -> list[int]:
        """Each day's quantity: the typical one, give or take a quarter."""
        low, spread = typical - typical // 4, typical // 2
        return [low + word % spread for word in words(f"quantities/{self.seed}/{self.month.period}/{number}", count)]

    def _correction(self, draw: Draw, account: Account, fixed: dict[str, str], usage: Metered) -> Metered:
        """Too much was charged last month: the row is taken back and charged again, a tenth lower."""
        day = draw.pick(self._before.days)
        columns = {**values.of_account(account, self.month, values.ADJUSTMENTS), **fixed, "ChargeClass": "Correction"}
        quantity = usage.quantities[0]
        return Metered(
            ON_DEMAND,
            fragments({**columns, **usage.prices.columns()}),
            usage.prices,
            values.invoice(account, self.month, values.ADJUSTMENTS),
            usage.owner,
            (day, day),
            (-quantity, quantity - quantity // 10),
        )


def _values(draw: Draw, account: Account, service: Service, owned: Owned) -> dict[str, str]:
    region = draw.pick(account.provider.regions)
    identifier = draw.hexadecimal(17)
    return {
        **values.of_service(service, region),
        "AvailabilityZone": f"{region[0]}-{draw.pick('abc')}" if service.unit == "Hours" else "",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ConsumedUnit": service.unit,
        "PricingCategory": "Standard",
        "ResourceId": resource_id(account, service, identifier),
        "ResourceName": f"{service.resource_type.lower().replace(' ', '-')}-{identifier[:6]}",
        "Tags": owned.tags,
    }


def _prices(draw: Draw, service: Service) -> Prices:
    """The negotiated price is up to 12 percent below the list's, cut off at 1e-10."""
    contracted = max(1, service.list_price * (100 - draw.below(13)) // 100)
    return Prices(service.list_price, contracted, contracted)


def resource_id(account: Account, service: Service, identifier: str) -> str:
    """An id in the provider's manner."""
    kind = service.resource_type.lower().replace(" ", "-")
    if account.provider.key == "aws":
        return f"arn:aws:{service.code.lower()}:{account.account_id}:{kind}/{identifier}"
    if account.provider.key == "azure":
        return f"/subscriptions/{account.account_id}/providers/{service.code.lower()}/{kind}/{identifier}"
    return f"//cloud.example/projects/{account.account_id}/{kind}/{identifier}"
