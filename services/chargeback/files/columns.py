"""The columns of line and document tables, once for CSV and Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from services.chargeback.files.text import clean
from shared.events import Invoice, InvoiceLine
from shared.money import minor_text, text

Kind = Literal["text", "integer", "money"]


@dataclass(frozen=True, slots=True)
class LineColumn:
    """A column of `lines.csv`, `lines.parquet` and a document's CSV; `value` writes it as CSV does."""

    name: str
    kind: Kind
    value: Callable[[Invoice, InvoiceLine], str]


@dataclass(frozen=True, slots=True)
class DocumentColumn:
    """A column of `invoices.csv`."""

    name: str
    value: Callable[[Invoice], str]


def previous_total(invoice: Invoice) -> str:
    """What the period before was invoiced, or nothing if there was no invoice."""
    return "" if invoice.previous_total is None else minor_text(invoice.previous_total, invoice.currency)


LINE_COLUMNS: Final = (
    LineColumn("number", "text", lambda invoice, _: invoice.number or ""),
    LineColumn("billing_period", "text", lambda invoice, _: invoice.billing_period),
    LineColumn("cost_center", "text", lambda invoice, _: clean(invoice.cost_center)),
    LineColumn("currency", "text", lambda invoice, _: invoice.currency),
    LineColumn("line", "integer", lambda _, line: str(line.line)),
    LineColumn("kind", "text", lambda _, line: line.kind),
    LineColumn("service_provider", "text", lambda _, line: clean(line.origin.service_provider)),
    LineColumn("service_name", "text", lambda _, line: clean(line.origin.service_name)),
    LineColumn("billing_account_id", "text", lambda _, line: clean(line.origin.billing_account_id)),
    LineColumn("sub_account_id", "text", lambda _, line: clean(line.origin.sub_account_id)),
    LineColumn("charge_category", "text", lambda _, line: clean(line.origin.charge_category)),
    LineColumn("charge_class", "text", lambda _, line: clean(line.origin.charge_class)),
    LineColumn("issuer", "text", lambda _, line: clean(line.origin.issuer)),
    LineColumn("provider_invoice_id", "text", lambda _, line: clean(line.origin.invoice_id)),
    LineColumn("rule_id", "text", lambda _, line: clean(line.rule_id)),
    LineColumn("method", "text", lambda _, line: clean(line.method)),
    LineColumn("pools", "text", lambda _, line: clean(" > ".join(line.path))),
    LineColumn("weight", "text", lambda _, line: "" if line.weight is None else text(line.weight)),
    LineColumn("weight_total", "text", lambda _, line: "" if line.weight_total is None else text(line.weight_total)),
    LineColumn("exact_amount", "money", lambda _, line: text(line.exact_amount)),
    LineColumn("amount", "money", lambda invoice, line: minor_text(line.amount, invoice.currency)),
    LineColumn("billed_cost", "money", lambda _, line: text(line.billed_cost)),
    LineColumn("effective_cost", "money", lambda _, line: text(line.effective_cost)),
    LineColumn("allocation_id", "text", lambda _, line: line.allocation_id),
    LineColumn("description", "text", lambda _, line: clean(line.description)),
)

DOCUMENT_COLUMNS: Final = (
    DocumentColumn("number", lambda invoice: invoice.number or ""),
    DocumentColumn("billing_period", lambda invoice: invoice.billing_period),
    DocumentColumn("document_date", lambda invoice: invoice.document_date),
    DocumentColumn("cost_center", lambda invoice: clean(invoice.cost_center)),
    DocumentColumn("cost_center_name", lambda invoice: clean(invoice.cost_center_name)),
    DocumentColumn("owner", lambda invoice: clean(invoice.owner)),
    DocumentColumn("currency", lambda invoice: invoice.currency),
    DocumentColumn("basis", lambda invoice: invoice.basis),
    DocumentColumn("direct", lambda invoice: minor_text(invoice.direct, invoice.currency)),
    DocumentColumn("shared", lambda invoice: minor_text(invoice.shared, invoice.currency)),
    DocumentColumn("total", lambda invoice: minor_text(invoice.total, invoice.currency)),
    DocumentColumn("exact_total", lambda invoice: text(invoice.exact_total)),
    DocumentColumn("rounding", lambda invoice: text(invoice.rounding)),
    DocumentColumn("previous_total", previous_total),
    DocumentColumn("lines", lambda invoice: str(len(invoice.lines))),
    DocumentColumn("rule_set", lambda invoice: clean(invoice.rule_set)),
    DocumentColumn("rule_set_version", lambda invoice: clean(invoice.rule_set_version)),
    DocumentColumn("prepared_by", lambda invoice: clean(invoice.prepared_by)),
    DocumentColumn("approved_by", lambda invoice: clean(invoice.approved_by)),
    DocumentColumn("invoice_id", lambda invoice: invoice.invoice_id),
)


def line_row(invoice: Invoice, line: InvoiceLine) -> list[str]:
    """One line as the row of a CSV file."""
    return [column.value(invoice, line) for column in LINE_COLUMNS]
