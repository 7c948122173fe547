"""The trial balance: debits, credits and balance of every account, and what is left over per currency (nothing)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from services.ledger.domain.accounts import Chart, account_name
from services.ledger.domain.amounts import subtract
from services.ledger.domain.entries import Entry
from shared.money import ZERO, add


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account in one currency. debits and credits are both >= 0; balance = debits - credits."""

    currency: str
    chart: Chart
    party: str | None
    debits: Decimal
    credits: Decimal

    @property
    def balance(self) -> Decimal:
        """Debits minus credits."""
        return subtract(self.debits, self.credits)

    @property
    def name(self) -> str:
        """The account's full name."""
        return account_name(self.chart, self.party)


def trial_balance(entries: Iterable[Entry]) -> list[AccountBalance]:
    """Balance every account that has postings, by currency and name."""
    sums: dict[tuple[str, Chart, str | None], tuple[Decimal, Decimal]] = {}
    for entry in entries:
        for chart, party, amount in entry.postings:
            key = (entry.currency, chart, party)
            debits, credits_ = sums.get(key, (ZERO, ZERO))
            sums[key] = (add(debits, amount), credits_) if amount >= 0 else (debits, subtract(credits_, amount))
    lines = [AccountBalance(*key, *sides) for key, sides in sums.items()]
    return sorted(lines, key=lambda line: (line.currency, line.name))


def residues(lines: Iterable[AccountBalance]) -> dict[str, Decimal]:
    """What the balances of a currency add up to: zero, or the books are wrong."""
    result: dict[str, Decimal] = {}
    for line in lines:
        result[line.currency] = add(result.get(line.currency, ZERO), line.balance)
    return result
