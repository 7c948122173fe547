"""The books for hledger: `hledger check -s -f books.journal` judges them, and `ledger` reads the same file.

Commodities are declared with 18 decimals, because hledger before 1.50 balances at the declared precision only. Two
spaces stand between account and amount: with one, the amount would silently become part of the account's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.ledger.books.lines import document_no
from services.ledger.domain.accounts import account_name
from services.ledger.domain.dates import day_after, last_day
from services.ledger.domain.entries import Entry, fixed
from services.ledger.domain.trial_balance import AccountBalance
from shared.money import SCALE

_ZERO = f"0.{'0' * SCALE}"


def write_hledger(path: Path, billing_period: str, entries: Sequence[Entry], lines: Sequence[AccountBalance]) -> None:
    """Write books.journal."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for part in (_head(lines), _transactions(entries), _assertions(billing_period, lines)):
            file.writelines(part)


def _head(lines: Sequence[AccountBalance]) -> Iterator[str]:
    yield "decimal-mark .\n\n"
    for currency in sorted({line.currency for line in lines}):
        yield f"commodity 1000.{'0' * SCALE} {currency}\n"
    yield "\n"
    for name in sorted({line.name for line in lines}):
        yield f"account {name}\n"


def _transactions(entries: Sequence[Entry]) -> Iterator[str]:
    for ordinal, entry in enumerate(entries, start=1):
        yield f"\n{last_day(entry.billing_period)} * ({document_no(ordinal, entry)}) {_plain(entry.description)}\n"
        yield f"    ; source: {_plain(entry.source)}\n    ; content: {entry.content_hash()}\n"
        for chart, party, amount in entry.postings:
            yield f"    {account_name(chart, party)}  {fixed(amount)} {entry.currency}\n"


def _assertions(billing_period: str, lines: Sequence[AccountBalance]) -> Iterator[str]:
    for currency in sorted({line.currency for line in lines}):
        yield f"\n{day_after(billing_period)} * Balances in {currency}\n"
        for line in lines:
            if line.currency == currency:
                yield f"    {line.name}  {_ZERO} {currency} = {fixed(line.balance)} {currency}\n"


def _plain(value: str) -> str:
    """Text without the characters that begin a comment or split payee from note."""
    return " ".join(value.replace(";", ",").replace("|", "/").split())
