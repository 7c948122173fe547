"""The books for Beancount: `bean-check --no-cache books.beancount` judges them.

Tolerance is zero and every amount has 18 decimals, so a slip of 1e-18 fails. Balances are asserted on the day after the
period, which also catches what balances in itself: amounts moved between accounts, entries dropped or doubled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.ledger.books.lines import document_no
from services.ledger.domain.accounts import account_name
from services.ledger.domain.dates import day_after, first_day, last_day
from services.ledger.domain.entries import Entry, fixed
from services.ledger.domain.trial_balance import AccountBalance


def write_beancount(path: Path, billing_period: str, entries: Sequence[Entry], lines: Sequence[AccountBalance]) -> None:
    """Write books.beancount."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for part in (_head(billing_period, lines), _transactions(entries), _assertions(billing_period, lines)):
            file.writelines(part)


def _head(billing_period: str, lines: Sequence[AccountBalance]) -> Iterator[str]:
    yield f'option "title" "Cloud cost books of {billing_period}"\n'
    yield 'option "tolerance_multiplier" "0"\n'
    for currency in sorted({line.currency for line in lines}):
        yield f'option "operating_currency" "{currency}"\n'
    yield 'plugin "beancount.plugins.noduplicates"\n\n'
    accounts: dict[str, tuple[str | None, list[str]]] = {}
    for line in lines:
        accounts.setdefault(line.name, (line.party, []))[1].append(line.currency)
    for name, (party, currencies) in sorted(accounts.items()):
        yield f"{first_day(billing_period)} open {name} {','.join(currencies)}\n"
        if party is not None:
            yield f"  party: {_quoted(party)}\n"


def _transactions(entries: Sequence[Entry]) -> Iterator[str]:
    for ordinal, entry in enumerate(entries, start=1):
        day, number = last_day(entry.billing_period), document_no(ordinal, entry)
        yield f"\n{day} * {_quoted(entry.description)} ^{number}\n"
        yield f"  source: {_quoted(entry.source)}\n  content: {_quoted(entry.content_hash())}\n"
        for chart, party, amount in entry.postings:
            yield f"  {account_name(chart, party)}  {fixed(amount)} {entry.currency}\n"


def _assertions(billing_period: str, lines: Sequence[AccountBalance]) -> Iterator[str]:
    yield "\n"
    for line in lines:
        yield f"{day_after(billing_period)} balance {line.name}  {fixed(line.balance)} {line.currency}\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + " ".join(escaped.splitlines()) + '"'
