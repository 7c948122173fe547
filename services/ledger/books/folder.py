"""The published folder of a closed period's books: `<files_dir>/<period>/books-r1/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.ledger.books.beancount import write_beancount
from services.ledger.books.hledger import write_hledger
from services.ledger.books.lines import write_journal, write_trial_balance
from services.ledger.books.page import reconciliation_page
from services.ledger.domain.entries import Entry
from services.ledger.domain.trial_balance import AccountBalance, trial_balance
from shared.events import Reconciliation, encode
from shared.money import text, total
from shared.publication import publish


def books_folder(files_dir: Path, billing_period: str) -> Path:
    """Where a period's books are published. A closed period stays closed, so there is only one issue of them."""
    return files_dir / billing_period / "books-r1"


def publish_books(files_dir: Path, entries: Sequence[Entry], head: str, record: Reconciliation) -> Path:
    """Publish the books, or verify that the same ones are there. Blocking.

    The files are a function of the posted entries and the reconciliation; of the latter the revision is left out,
    because it counts attempts.

    Raises:
        PublishedDifferently: other books are published there already.
        OSError: the folder can't be written.
    """
    lines = trial_balance(entries)
    folder = books_folder(files_dir, record.billing_period)

    def write(staging: Path) -> None:
        write_journal(staging / "journal.csv", entries)
        write_trial_balance(staging / "trial-balance.csv", lines)
        write_beancount(staging / "books.beancount", record.billing_period, entries, lines)
        write_hledger(staging / "books.journal", record.billing_period, entries, lines)
        (staging / "reconciliation.json").write_bytes(_reconciliation_json(record))
        page = reconciliation_page(record, lines, len(entries), head)
        (staging / "reconciliation.md").write_text(page, encoding="utf-8", newline="\n")

    publish(folder, _about(entries, lines, head, record), write)
    return folder


def _about(
    entries: Sequence[Entry], lines: Sequence[AccountBalance], head: str, record: Reconciliation
) -> dict[str, Any]:
    """What the manifest says: counts, control totals per currency, and the head of the chain."""
    return {
        "kind": "books",
        "billing_period": record.billing_period,
        "revision": 1,
        "basis": record.basis,
        "entries": len(entries),
        "postings": sum(len(entry.postings) for entry in entries),
        "chain_head": head,
        "control_totals": [
            {
                "currency": currency,
                "debits": text(total(line.debits for line in lines if line.currency == currency)),
                "credits": text(total(line.credits for line in lines if line.currency == currency)),
            }
            for currency in sorted({line.currency for line in lines})
        ],
    }


def _reconciliation_json(record: Reconciliation) -> bytes:
    document = msgspec.json.decode(encode(record))
    document.pop("revision")
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
