"""An invoice on a terminal, for the person who asks why."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shared.events import Invoice, InvoiceLine
from shared.money import minor_text, text


def invoice_view(invoice: Invoice) -> RenderableType:
    """A readable invoice: who, what in total, then each line with where it came from and how it was shared."""
    return Group(_head(invoice), _lines(invoice), _totals(invoice))


def _head(invoice: Invoice) -> Panel:
    name = invoice.number or f"draft {invoice.invoice_id}"
    facts = [
        f"{invoice.cost_center} {invoice.cost_center_name}".strip() + (f", {invoice.owner}" if invoice.owner else ""),
        f"billing period {invoice.billing_period}, dated {invoice.document_date}, charged on {invoice.basis}",
        f"rule set {invoice.rule_set} {invoice.rule_set_version}",
        f"prepared by {invoice.prepared_by}" + (f", approved by {invoice.approved_by}" if invoice.approved_by else ""),
    ]
    return Panel(Text("\n".join(facts)), title=Text(f"Internal invoice {name} ({invoice.status})"), title_align="left")


def _lines(invoice: Invoice) -> Table:
    table = Table(show_lines=False, expand=True)
    for title in ("#", "Service", "Account", "Rule", "How"):
        table.add_column(title, overflow="fold")
    table.add_column("Exact", justify="right", overflow="fold")
    table.add_column("Charged", justify="right", no_wrap=True)
    for line in invoice.lines:
        origin = line.origin
        table.add_row(
            str(line.line),
            Text(f"{origin.service_name} ({origin.charge_category})"),
            Text(origin.sub_account_id or origin.billing_account_id),
            Text(line.rule_id),
            Text(_how(line)),
            text(line.exact_amount),
            minor_text(line.amount, invoice.currency),
        )
    return table


def _how(line: InvoiceLine) -> str:
    if line.kind == "direct":
        return "direct"
    how = f"{' > '.join(line.path)}, {line.method or 'shared'}"
    if line.weight is None or line.weight_total is None:
        return how
    return f"{how}, {text(line.weight)} of {text(line.weight_total)}"


def _totals(invoice: Invoice) -> Table:
    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(justify="right")
    previous = "none" if invoice.previous_total is None else minor_text(invoice.previous_total, invoice.currency)
    table.add_row("direct", minor_text(invoice.direct, invoice.currency))
    table.add_row("shared", minor_text(invoice.shared, invoice.currency))
    table.add_row(
        Text("total", "bold"), Text(f"{minor_text(invoice.total, invoice.currency)} {invoice.currency}", "bold")
    )
    table.add_row("exact", text(invoice.exact_total))
    table.add_row("rounding", text(invoice.rounding))
    table.add_row("period before", previous)
    return table
