"""The canonical journal: every leg of every entry as one flat line, the common core of all finance systems' imports."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from services.ledger.domain.accounts import COST_CENTER_ACCOUNTS, ISSUER_ACCOUNTS, account_name
from services.ledger.domain.amounts import magnitude
from services.ledger.domain.dates import last_day
from services.ledger.domain.entries import Entry
from services.ledger.domain.trial_balance import AccountBalance
from shared.money import ZERO, text

JOURNAL_COLUMNS: Final = (
    "batch_id", "document_no", "line_id", "accounting_date", "document_date", "period", "account", "cost_center",
    "issuer", "debit", "credit", "currency", "description", "reference", "source_event_id", "rule_version",
    "content_hash",
)  # fmt: skip
BALANCE_COLUMNS: Final = ("currency", "account", "party", "debits", "credits", "balance")

_INVOICE: Final = "invoice/"


def document_no(ordinal: int, entry: Entry) -> str:
    """At most 16 characters: an internal invoice's own number, else the period and place in the journal."""
    if entry.source.startswith(_INVOICE):
        return entry.reference
    return f"J{entry.billing_period.replace('-', '')}-{ordinal:06d}"


def write_journal(path: Path, entries: Sequence[Entry]) -> None:
    """Write journal.csv: RFC 4180, exact decimals, debit and credit in columns of their own, one of them 0."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(JOURNAL_COLUMNS)
        writer.writerows(_rows(entries))


def _rows(entries: Sequence[Entry]) -> Iterator[tuple[object, ...]]:
    for ordinal, entry in enumerate(entries, start=1):
        day, number, content = last_day(entry.billing_period), document_no(ordinal, entry), entry.content_hash()
        for line, (chart, party, amount) in enumerate(entry.postings, start=1):
            yield (
                f"books-{entry.billing_period}", number, line, day, day, entry.billing_period,
                account_name(chart, party),
                party if chart in COST_CENTER_ACCOUNTS else "",
                party if chart in ISSUER_ACCOUNTS else "",
                text(amount if amount > 0 else ZERO), text(magnitude(amount) if amount < 0 else ZERO),
                entry.currency, entry.description, entry.reference, entry.source, entry.rule_version, content,
            )  # fmt: skip


def write_trial_balance(path: Path, lines: Sequence[AccountBalance]) -> None:
    """Write trial-balance.csv: per currency, the balances add up to zero."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(BALANCE_COLUMNS)
        for line in lines:
            amounts = (text(line.debits), text(line.credits), text(line.balance))
            writer.writerow((line.currency, line.name, line.party or "", *amounts))
