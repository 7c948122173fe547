"""Reading provider invoices: a table of one line per invoice, or FOCUS 1.4 Invoice Detail, added up per invoice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import duckdb

from services.intake.domain.amounts import NotAnAmount, exact_amount
from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.domain.invoices import InvoiceContent, InvoiceKey, Status
from services.intake.reading.csv_chunks import chunks, diagnose, records, take_header
from services.intake.reading.errors import DuplicateColumn, EmptyFile, IntakeRefusal, NotInvoices, RefusedInvoice
from services.intake.reading.parquet import parquet_columns, parquet_query
from services.intake.reading.source import JSON_LINES, Format, format_of, text_blocks
from shared.money import CONTEXT, UnknownCurrency, minor_unit

TABLE: Final = ("issuer", "invoice_id", "billing_period", "currency", "amount")
DETAIL: Final = ("InvoiceIssuerName", "InvoiceId", "BillingPeriodStart", "BillingCurrency", "BilledCost")
_STATUS: Final = "InvoiceIssueStatus"
_STATUSES: Final[dict[str, Status]] = {"Open": "Open", "Issued": "Issued", "Voided": "Voided"}
_BATCH_ROWS: Final = 10_000

Row = tuple[int, Sequence[str | None]]


class Read(dict[InvoiceKey, InvoiceContent]):
    """The invoices of a file; `rows` counts its lines."""

    rows: int = 0


def read_invoices(path: Path, name: str) -> Read:
    """Read a file of provider invoices, all or nothing.

    Raises:
        IntakeRefusal: naming the line and the rule that it breaks.
    """
    header, rows = _rows(path, name)
    columns = _columns(name, header)
    read = Read()
    for line, values in rows:
        invoice = {column: _text(values[at]) for column, at in columns.items()}
        _add(read, name, line, invoice, is_detail=columns.keys() >= set(DETAIL))
        read.rows += 1
    if not read:
        raise EmptyFile(name, "the file has no invoices")
    return read


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


def _rows(path: Path, name: str) -> tuple[list[str], Iterator[Row]]:
    form = format_of(name, path)
    if form in JSON_LINES:
        raise NotInvoices(name, ["JSON Lines"])
    return _parquet_rows(path, name) if form is Format.PARQUET else _csv_rows(path, name, form)


def _csv_rows(path: Path, name: str, form: Format) -> tuple[list[str], Iterator[Row]]:
    pieces = chunks(name, text_blocks(name, path, form))
    first = next(pieces, None)
    if first is None:
        raise EmptyFile(name, "the file has no header")
    header, rest = take_header(name, first)

    def rows() -> Iterator[Row]:
        for piece in (rest, *pieces):
            try:
                for line, record in records(piece):
                    if len(record) != len(header):
                        raise diagnose(name, piece, header, "wrong number of fields")
                    yield line, record
            except UnicodeDecodeError:
                raise diagnose(name, piece, header, "not UTF-8") from None

    return header, rows()


def _parquet_rows(path: Path, name: str) -> tuple[list[str], Iterator[Row]]:
    columns = parquet_columns(name, path)
    header, query = [column.name for column in columns], parquet_query(columns, path)

    def rows() -> Iterator[Row]:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            result = connection.execute(query)
            line = 0
            while some := result.fetchmany(_BATCH_ROWS):
                for record in some:
                    line += 1
                    yield line, record

    return header, rows()


def _text(value: str | None) -> str | None:
    stripped = (value or "").strip()
    return None if stripped in {"", "NULL"} else stripped


__all__ = ["DETAIL", "TABLE", "IntakeRefusal", "Read", "read_invoices"]
