"""What must hold in the books of a period before it closes, checked on the entries themselves.

The reconciliation compares documents; this looks at the accounts those documents were posted to, so that a wrong
posting rule cannot hide behind right documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from services.ledger.domain.accounts import Chart, account_name
from services.ledger.domain.amounts import magnitude
from services.ledger.domain.breaks import Break, amounts_differ
from services.ledger.domain.entries import Entry
from services.ledger.domain.facts import Document, Month
from services.ledger.domain.trial_balance import AccountBalance, residues, trial_balance
from shared.money import ZERO, add, minor_unit

_EMPTY_AT_CLOSE = {
    Chart.CLEARING: "every cost must be allocated or in suspense",
    Chart.UNBILLED: "everything allocated must be invoiced",
}
_EMPTY_WHEN_INVOICED = {Chart.ACCRUED: "accrued cost must be covered by provider invoices"}


def check_books(month: Month, entries: Sequence[Entry]) -> list[Break]:
    """Every invariant of a closed period; an empty list means that the books may be closed."""
    lines = trial_balance(entries)
    return [
        *_residues(lines),
        *_emptied(lines, _EMPTY_AT_CLOSE | (_EMPTY_WHEN_INVOICED if _payable(month) else {})),
        *_receivables(month.documents or (), lines),
        *_rounding(month.documents or (), lines),
        *_numbers(month.documents or ()),
    ]


def _payable(month: Month) -> bool:
    return any(invoice.status != "Voided" for invoice in month.provider_invoices)


def _residues(lines: Iterable[AccountBalance]) -> Iterator[Break]:
    for currency, residue in residues(lines).items():
        if residue:
            yield amounts_differ(
                "trial-balance", "books", currency, currency, ZERO, residue, "ledger",
                "debits and credits must be equal; the stored journal was changed, restore it",
            )  # fmt: skip


def _emptied(lines: Iterable[AccountBalance], rules: dict[Chart, str]) -> Iterator[Break]:
    for line in lines:
        if line.chart in rules and line.balance:
            yield amounts_differ(
                "account-not-empty", "books", line.name, line.currency, ZERO, line.balance, "ledger", rules[line.chart]
            )


def _receivables(documents: Iterable[Document], lines: Iterable[AccountBalance]) -> Iterator[Break]:
    owed: dict[tuple[str, str], Decimal] = {}
    for one in documents:
        owed[one.currency, one.cost_center] = add(owed.get((one.currency, one.cost_center), ZERO), one.total)
    booked = {(line.currency, line.party or ""): line.balance for line in lines if line.chart is Chart.RECEIVABLE}
    for currency, cost_center in sorted(owed.keys() | booked.keys()):
        expected, actual = owed.get((currency, cost_center), ZERO), booked.get((currency, cost_center), ZERO)
        if expected != actual:
            yield amounts_differ(
                "receivable-difference", "books", account_name(Chart.RECEIVABLE, cost_center), currency,
                expected, actual, "ledger", "the receivable must be the sum of the cost center's documents",
            )  # fmt: skip


def _rounding(documents: Sequence[Document], lines: Iterable[AccountBalance]) -> Iterator[Break]:
    """At most half a minor unit per document; the largest-remainder rounding stays far below that."""
    for line in lines:
        if line.chart is not Chart.ROUNDING:
            continue
        count = sum(one.currency == line.currency for one in documents)
        limit = Decimal(count).scaleb(-minor_unit(line.currency)) / 2
        if magnitude(line.balance) > limit:
            yield amounts_differ(
                "rounding-limit", "books", line.name, line.currency, limit, magnitude(line.balance), "chargeback",
                "rounding must not exceed half a minor unit per document",
            )  # fmt: skip


def _numbers(documents: Iterable[Document]) -> Iterator[Break]:
    seen: set[str] = set()
    for one in documents:
        if one.number in seen:
            yield Break(
                "duplicate-number", "invoices", one.number, one.currency, "one document", "two", None, "chargeback",
                f"document number {one.number} is on two invoices: numbers are given once",
            )  # fmt: skip
        seen.add(one.number)
