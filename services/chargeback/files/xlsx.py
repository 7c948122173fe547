"""An invoice as a workbook: a view for people. Amounts that programs read are in the CSV and JSON beside it.

Totals are values. The formulas that check them stand on the sheet `Checks`, so a reader that computes nothing (a
preview, a data frame) still sees every total.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Final

from services.chargeback.files.names import stem
from services.chargeback.files.sheets import Book, Cell, Formula, Ratio
from services.chargeback.files.template import Layout, template
from shared.events import Invoice, InvoiceLine
from shared.money import ZERO, add, minor_text, minor_unit, text, total

SHEET_LINES_MAX: Final = 1_000_000
"""Excel ends at 1,048,576 rows; a longer invoice says where its other lines are."""

_ROUNDING: Final = (
    "The run's total half to even at the currency's smallest unit, then split over documents and lines by largest "
    "remainder: each level adds up to the one above."
)
_LAYOUTS: Final = (
    Layout("Summary", (28, 28, 18, 18)),
    Layout("Lines", (8, 8, 24, 24, 24, 24, 16, 16, 24, 24, 24, 16, 16, 28, 60, 28)),
    Layout("Shared costs", (36, 18, 18, 24, 24, 14, 10, 16)),
    Layout("Checks", (44, 18, 18, 18)),
    Layout("About", (28, 110)),
)
_RATIO_PLACES: Final = Decimal(1).scaleb(-12)


def write_workbook(path: Path, invoice: Invoice) -> None:
    """Write the workbook of one issued invoice; the same invoice gives the same bytes."""
    made_from = template(_LAYOUTS, minor_unit(invoice.currency), invoice.document_date)
    with Book(path, made_from, f"Internal invoice {invoice.number}", invoice.currency) as book:
        services = _summary(book, invoice)
        _lines(book, invoice)
        pools = _shared_costs(book, invoice)
        _checks(book, invoice, services, pools)
        _about(book, invoice)


def _summary(book: Book, invoice: Invoice) -> tuple[int, int]:
    """Returns the first and last row of the table by service."""
    with book.sheet("Summary") as sheet:
        sheet.header("Internal invoice", invoice.number or "")
        previous: Cell = "none" if invoice.previous_total is None else invoice.previous_total
        facts: tuple[tuple[str, Cell], ...] = (
            ("Cost center", invoice.cost_center),
            ("Name", invoice.cost_center_name),
            ("Owner", invoice.owner),
            ("Billing period", invoice.billing_period),
            ("Document date", invoice.document_date),
            ("Currency", invoice.currency),
            ("Direct cost", invoice.direct),
            ("Shared cost", invoice.shared),
            ("Total", invoice.total),
            ("Total of the period before", previous),
            ("Prepared by", invoice.prepared_by),
            ("Approved by", invoice.approved_by or ""),
        )
        for fact in facts:
            sheet.row(*fact)
        sheet.header("Service", "Direct cost", "Shared cost", "Total")
        first = sheet.rows + 1
        for service, direct, shared in _by_service(invoice):
            sheet.row(service, direct, shared, add(direct, shared))
        return first, sheet.rows


def _by_service(invoice: Invoice) -> list[tuple[str, Decimal, Decimal]]:
    amounts: dict[str, dict[str, Decimal]] = defaultdict(lambda: {"direct": ZERO, "shared": ZERO})
    for line in invoice.lines:
        kinds = amounts[line.origin.service_name]
        kinds[line.kind] = add(kinds[line.kind], line.amount)
    return [(service, kinds["direct"], kinds["shared"]) for service, kinds in sorted(amounts.items())]


def _lines(book: Book, invoice: Invoice) -> None:
    with book.sheet("Lines") as sheet:
        sheet.header(
            "Line", "Kind", "Service provider", "Service", "Billing account", "Account", "Charge category",
            "Charge class", "Rule", "Method", "Pools", "Share", "Amount", "Exact amount", "Description", "Allocation",
        )  # fmt: skip
        for line in invoice.lines[:SHEET_LINES_MAX]:
            origin = line.origin
            sheet.row(
                line.line, line.kind, origin.service_provider, origin.service_name, origin.billing_account_id,
                origin.sub_account_id or "", origin.charge_category, origin.charge_class or "", line.rule_id,
                line.method or "", _path(line), _share(line), line.amount, text(line.exact_amount), line.description,
                line.allocation_id,
            )  # fmt: skip
        if len(invoice.lines) > SHEET_LINES_MAX:
            left = total(line.amount for line in invoice.lines[SHEET_LINES_MAX:])
            name = f"{stem(invoice.number or '', invoice.cost_center)}.csv"
            rest = f"the other {len(invoice.lines) - SHEET_LINES_MAX} lines are in {name}"
            sheet.row("", "", "", "", "", "", "", "", "", "", "", "", left, "", rest)


def _shared_costs(book: Book, invoice: Invoice) -> int:
    """Returns the last row of the table of pools."""
    with book.sheet("Shared costs") as sheet:
        sheet.header("Pools", "Method", "Rule", "Weight", "of total weight", "Share", "Lines", "Amount")
        groups: dict[tuple[str, str, str, Decimal | None, Decimal | None], list[InvoiceLine]] = defaultdict(list)
        for line in invoice.lines:
            if line.kind == "shared":
                groups[_path(line), line.method or "", line.rule_id, line.weight, line.weight_total].append(line)
        for (path, method, rule, weight, weight_total), lines in groups.items():
            sheet.row(
                path, method, rule, _plain(weight), _plain(weight_total), _ratio(weight, weight_total), len(lines),
                total(line.amount for line in lines),
            )  # fmt: skip
        return sheet.rows


def _checks(book: Book, invoice: Invoice, services: tuple[int, int], pools: int) -> None:
    with book.sheet("Checks") as sheet:
        last = min(len(invoice.lines), SHEET_LINES_MAX + 1) + 1
        kinds, amounts = f"Lines!$B$2:$B${last}", f"Lines!$M$2:$M${last}"
        sheet.header("Check", "Value", "Recomputed", "Difference (0)")
        checks = (
            ("Lines add up to the total", invoice.total, f"SUM({amounts})"),
            ("Direct and shared cost are the total", invoice.total, "Summary!$B$8+Summary!$B$9"),
            ("Direct lines add up to the direct cost", invoice.direct, f'SUMIF({kinds},"direct",{amounts})'),
            ("Shared lines add up to the shared cost", invoice.shared, f'SUMIF({kinds},"shared",{amounts})'),
            ("Pools add up to the shared cost", invoice.shared, f"SUM('Shared costs'!$H$2:$H${max(pools, 2)})"),
            ("Services add up to the total", invoice.total, f"SUM(Summary!$D${services[0]}:$D${services[1]})"),
        )
        for number, (check, value, formula) in enumerate(checks, start=2):
            sheet.row(check, value, Formula(formula), Formula(f"ROUND(B{number}-C{number},6)"))


def _about(book: Book, invoice: Invoice) -> None:
    with book.sheet("About") as sheet:
        sheet.header("About", "this document")
        name = stem(invoice.number or "", invoice.cost_center)
        rows = (
            ("What it is", "An internal charge within the organisation. It is not a tax invoice."),
            ("What is charged", f"{invoice.basis} of the billing period's cloud charges, as the rule set assigned it."),
            ("Rule set", f"{invoice.rule_set}, version {invoice.rule_set_version}"),
            ("Exact total", f"{text(invoice.exact_total)} {invoice.currency}"),
            ("Rounding", f"{text(invoice.rounding)} {invoice.currency}: the total less the exact total"),
            ("How it was rounded", _ROUNDING),
            ("Sheet Checks", "Each total is a value; the formula beside it computes it again from the lines."),
            ("Exact figures", f"{name}.csv and {name}.json are authoritative. This workbook is a view of them."),
            ("Charged", f"{minor_text(invoice.total, invoice.currency)} {invoice.currency}"),
        )  # fmt: skip
        for row in rows:
            sheet.row(*row)


def _path(line: InvoiceLine) -> str:
    return " > ".join(line.path)


def _share(line: InvoiceLine) -> Cell:
    return _ratio(line.weight, line.weight_total)


def _ratio(weight: Decimal | None, weight_total: Decimal | None) -> Cell:
    if weight is None or not weight_total:
        return ""
    return Ratio((weight / weight_total).quantize(_RATIO_PLACES))


def _plain(weight: Decimal | None) -> str:
    return "" if weight is None else text(weight)
