"""Commitments: their purchase, what they cover, and what of them nobody used.

FOCUS: a purchase is billed and has no effective cost; what it covers has an effective cost and is billed 0; the unused
part is a row of its own, with the commitment as its resource. Recurring ones even out within the month. One-time ones
are paid for a year at once, so BilledCost and EffectiveCost of the month differ by what is prepaid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from synthetic import values
from synthetic.amounts import QUANTITY_ONE
from synthetic.catalog import Provider
from synthetic.charges import COVERED, PURCHASE, UNUSED, Meaning, Metered, Prices
from synthetic.columns import fragments
from synthetic.draw import Draw, words
from synthetic.months import Month, Span
from synthetic.organisation import Organisation
from synthetic.ownership import POOL, own
from synthetic.resources import resource_id

_MEMBERS: Final = 4
_HOURS: Final = 24 * QUANTITY_ONE
_CAPACITY: Final = _MEMBERS * _HOURS
"""What a commitment covers in a day, hours in 1e-5."""

_TERM_DAYS: Final = 365
_OWNER: Final = POOL + "commitments"


@dataclass(frozen=True)
class Commitment:
    """One commitment of a month, from its number alone; even ones recur daily, odd ones were paid for at once."""

    seed: int
    month: Month
    company: Organisation
    provider: Provider
    number: int
    days: tuple[Span, ...]

    @property
    def label(self) -> str:
        """What all its choices derive from."""
        return f"commitment/{self.seed}/{self.month.period}/{self.provider.key}/{self.number}"

    def charges(self) -> Iterator[Metered]:
        """Purchase, covered usage, unused rest."""
        yield self._purchase()
        unused = [_CAPACITY] * len(self.days)
        for member in range(_MEMBERS):
            hours = [1 + word % (_HOURS - 1) for word in words(f"{self.label}/{member}", len(self.days))]
            unused = [left - used for left, used in zip(unused, hours, strict=True)]
            yield self._covered(member, hours)
        yield self._unused(unused)

    @property
    def _recurring(self) -> bool:
        return self.number % 2 == 0

    @property
    def _list_price(self) -> int:
        return self.provider.services[0].list_price

    @property
    def _price(self) -> int:
        """What a committed hour costs, in 1e-10."""
        return self._list_price * (55 + self.number % 10) // 100

    def _purchase(self) -> Metered:
        frequency = "Recurring" if self._recurring else "One-Time"
        columns = {
            "ChargeCategory": "Purchase",
            "ChargeDescription": f"{frequency} commitment fee",
            "ChargeFrequency": frequency,
            "PricingCategory": "Standard",
        }
        if self._recurring:
            return self._central(PURCHASE, columns, self.days, [_CAPACITY] * len(self.days))
        return self._central(PURCHASE, columns, self.days[:1], [_CAPACITY * _TERM_DAYS])

    def _unused(self, hours: list[int]) -> Metered:
        columns = {
            "ChargeCategory": "Usage",
            "ChargeDescription": "Committed and not used",
            "ChargeFrequency": "Usage-Based",
            "CommitmentDiscountStatus": "Unused",
            "PricingCategory": "Committed",
        }
        return self._central(UNUSED, columns, self.days, hours)

    def _central(self, meaning: Meaning, columns: dict[str, str], days: Sequence[Span], hours: list[int]) -> Metered:
        """Rows that belong to the commitment itself, bought in the finance account."""
        account, prices = self.company.account(self.provider, "finance"), Prices(*(self._price,) * 3)
        commitment = self._columns()
        text = fragments(
            {
                **values.of_account(account, self.month),
                **values.of_service(self.provider.services[0], self.provider.regions[0]),
                **commitment,
                **prices.columns(),
                "ResourceId": commitment["CommitmentDiscountId"],
                "ResourceName": commitment["CommitmentDiscountName"],
                "ResourceType": commitment["CommitmentDiscountType"],
                **columns,
            }
        )
        bill = values.invoice(account, self.month)
        return Metered(meaning, text, prices, bill, _OWNER, days, hours, category=columns["ChargeCategory"])

    def _columns(self) -> dict[str, str]:
        kind, category = self.provider.commitments[self.number % 2]
        return {
            "CommitmentDiscountCategory": category,
            "CommitmentDiscountId": f"{self.provider.key}-commitment-{Draw(self.label).hexadecimal(12)}",
            "CommitmentDiscountName": f"{kind} {self.number + 1}",
            "CommitmentDiscountType": kind,
            "CommitmentDiscountUnit": "Hours",
        }

    def _covered(self, member: int, hours: list[int]) -> Metered:
        draw = Draw(f"{self.label}/member/{member}")
        account = draw.pick([account for account in self.company.in_use if account.provider is self.provider])
        service, region = self.provider.services[0], self.provider.regions[0]
        owned, identifier = own(draw, self.company, account, service), draw.hexadecimal(17)
        prices = Prices(self._list_price, self._list_price * 95 // 100, self._price)
        columns = {
            **values.of_account(account, self.month),
            **values.of_service(service, region),
            **self._columns(),
            **prices.columns(),
            "AvailabilityZone": f"{region[0]}-a",
            "ChargeCategory": "Usage",
            "ChargeFrequency": "Usage-Based",
            "CommitmentDiscountStatus": "Used",
            "ConsumedUnit": service.unit,
            "PricingCategory": "Committed",
            "ResourceId": resource_id(account, service, identifier),
            "ResourceName": f"instance-{identifier[:6]}",
            "Tags": owned.tags,
        }
        bill = values.invoice(account, self.month)
        return Metered(COVERED, fragments(columns), prices, bill, owned.owner, self.days, hours)
