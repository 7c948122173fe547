"""Reading provider invoices: a table of one line per invoice, or FOCUS 1.4 Invoice Detail, added up per invoice."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from services.intake.domain.amounts import NotAnAmount, exact_amount
from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.domain.invoices import InvoiceContent, InvoiceKey, Status
from services.intake.reading.datasets import NamedPart
from services.intake.reading.errors import DuplicateColumn, EmptyFile, IntakeRefusal, NotInvoices, RefusedInvoice
from services.intake.reading.tables import table_rows, text_or_none
from shared.money import CONTEXT, UnknownCurrency, minor_unit

TABLE: Final = ("issuer", "invoice_id", "billing_period", "currency", "amount")
DETAIL: Final = ("InvoiceIssuerName", "InvoiceId", "BillingPeriodStart", "BillingCurrency", "BilledCost")
_STATUS: Final = "InvoiceIssueStatus"
_STATUSES: Final[dict[str, Status]] = {"Open": "Open", "Issued": "Issued", "Voided": "Voided"}


class Read(dict[InvoiceKey, InvoiceContent]):
    """The invoices of a file; `rows` counts its lines."""

    rows: int = 0


def read_invoices(path: Path, name: str) -> Read:
    """Read a file of provider invoices, all or nothing.

    Raises:
        IntakeRefusal: naming the line and the rule that it breaks.
    """
    return read_parts([NamedPart(path, name)])


def read_parts(parts: Sequence[NamedPart]) -> Read:
    """Read a file that comes in parts: an invoice whose lines are in several of them is added up over all.

    Raises:
        IntakeRefusal: naming the part, the line and the rule that it breaks.
    """
    read = Read()
    for part in parts:
        _read_into(read, part.path, part.name)
    if not read:
        raise EmptyFile(parts[0].name, "the file has no invoices")
    return read


def _read_into(read: Read, path: Path, name: str) -> None:
    header, rows = table_rows(path, name)
    columns = _columns(name, header)
    for line, values in rows:
        invoice = {column: text_or_none(values[at]) for column, at in columns.items()}
        _add(read, name, line, invoice, is_detail=columns.keys() >= set(DETAIL))
        read.rows += 1


def _columns(name: str, header: Sequence[str]) -> dict[str, int]:
    names = [column.strip() for column in header]
    for column in names:
        if names.count(column) > 1:
            raise DuplicateColumn(name, column)
    for wanted in ((*TABLE,), (*DETAIL, _STATUS)):
        if set(wanted) <= set(names):
            return {column: names.index(column) for column in wanted}
    raise NotInvoices(name, names)


def _add(read: Read, name: str, line: int, row: dict[str, str | None], *, is_detail: bool) -> None:
    issuer, invoice_id, period, currency, amount = DETAIL if is_detail else TABLE
    for column, value in row.items():
        if value is None:
            raise RefusedInvoice(name, line, column, None, "every invoice needs a value here")
    given = {column: value or "" for column, value in row.items()}
    key = InvoiceKey(
        given[issuer], given[invoice_id], _period(name, line, period, given[period]),
        _currency(name, line, currency, given[currency]),
    )  # fmt: skip
    status = _STATUSES.get(given.get(_STATUS, "Issued"))
    if status is None:
        raise RefusedInvoice(name, line, _STATUS, given[_STATUS], f"must be one of {', '.join(_STATUSES)}")
    content = InvoiceContent(_amount(name, line, amount, given[amount]), status)
    known = read.get(key)
    if known is not None and not is_detail:
        raise RefusedInvoice(name, line, invoice_id, key.invoice_id, "an invoice may come once per period and currency")
    if known is not None and known.status != status:
        raise RefusedInvoice(name, line, _STATUS, status, f"other lines of {key.invoice_id} say {known.status}")
    read[key] = InvoiceContent(CONTEXT.add(known.amount, content.amount), status) if known else content


def _period(name: str, line: int, column: str, value: str) -> str:
    try:
        return utc_text(f"{value}-01" if len(value) == len("2026-01") else value)[:7]
    except NotAnInstant:
        raise RefusedInvoice(name, line, column, value, "must be a billing period such as 2026-01") from None


def _currency(name: str, line: int, column: str, value: str) -> str:
    try:
        minor_unit(value)
    except UnknownCurrency:
        raise RefusedInvoice(name, line, column, value, "must be an ISO 4217 currency code such as USD") from None
    return value


def _amount(name: str, line: int, column: str, value: str) -> Decimal:
    try:
        amount = exact_amount(value)
    except NotAnAmount as error:
        raise RefusedInvoice(name, line, column, value, error.rule) from None
    if amount.residue:
        raise RefusedInvoice(name, line, column, value, "must have at most 18 decimals")
    return Decimal(amount.digits)


__all__ = ["DETAIL", "TABLE", "IntakeRefusal", "Read", "read_invoices", "read_parts"]
