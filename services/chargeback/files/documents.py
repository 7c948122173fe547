"""The files of one document: CSV and JSON, which are authoritative, and the XLSX view of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from services.chargeback.files.columns import LINE_COLUMNS, line_row
from services.chargeback.files.names import stem
from services.chargeback.files.tables import csv_writer
from services.chargeback.files.xlsx import write_workbook
from shared.events import Invoice, encode
from shared.money import minor_text

FORMAT: Final = "apportion-invoice/1"
_UNPUBLISHED: Final = ("revision",)
_DOCUMENT_AMOUNTS: Final = ("direct", "shared", "total", "previous_total")


def write_documents(folder: Path, documents: Iterable[Invoice]) -> None:
    """Write each issued document as CSV, JSON and XLSX."""
    for invoice in documents:
        assert invoice.number is not None, f"invoice {invoice.invoice_id} has no number: only issued ones are published"
        name = stem(invoice.number, invoice.cost_center)
        _write_csv(folder / f"{name}.csv", invoice)
        (folder / f"{name}.json").write_bytes(document_json(invoice))
        write_workbook(folder / f"{name}.xlsx", invoice)


def document_json(invoice: Invoice) -> bytes:
    """The document as indented JSON: the contract's fields, charged amounts with the currency's digits."""
    document: dict[str, Any] = msgspec.json.decode(encode(invoice))
    for name in _UNPUBLISHED:
        document.pop(name)
    for name in _DOCUMENT_AMOUNTS:
        if (amount := getattr(invoice, name)) is not None:
            document[name] = minor_text(amount, invoice.currency)
    for line, written in zip(invoice.lines, document["lines"], strict=True):
        written["amount"] = minor_text(line.amount, invoice.currency)
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, **document}), indent=2) + b"\n"


def _write_csv(path: Path, invoice: Invoice) -> None:
    with ExitStack() as stack:
        writer = csv_writer(stack, path, [column.name for column in LINE_COLUMNS])
        writer.writerows(line_row(invoice, line) for line in invoice.lines)
