"""`apportion invoices ...`: read invoices, approve, issue and fetch them, over chargeback's HTTP API."""

from __future__ import annotations

import time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.markup import escape

from services.chargeback.terminal import invoice_view
from shared.events import Invoice
from shared.money import minor_text
from shared.polling import pauses
from shared.terminal import BLOCKED, FAULT, Json, ServiceCommands, err, fail, figures, out, print_json
from shared.terminal import table as new_table

app = typer.Typer(
    name="invoices", no_args_is_help=True, help="Internal invoices: list and read them, approve, issue, export."
)
_CHARGEBACK = ServiceCommands("chargeback")
_FILES_SECONDS_MAX = 900

Period = Annotated[str, typer.Argument(metavar="PERIOD", help="Billing period, YYYY-MM.")]


class Status(StrEnum):
    """Where a period's invoices stand."""

    drafted = "drafted"
    approved = "approved"
    issued = "issued"


@app.command("list")
def list_invoices(
    period: Annotated[str | None, typer.Option(help="Only this billing period, YYYY-MM.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only invoices at this point of their life.")] = None,
    as_json: Json = False,
) -> None:
    """List invoices: number (once issued), cost center, total."""
    params = {"period": period, "status": status.value if status else None}
    rows = _CHARGEBACK.get("/v1/invoices", **{name: value for name, value in params.items() if value})
    if as_json:
        print_json(rows)
        return
    table = new_table("Number or id", "Period", "Cost center", "Status", *figures("Lines", "Total"), "Currency")
    for row in rows:
        table.add_row(
            row["number"] or row["invoice_id"], row["billing_period"], escape(row["cost_center"]), row["status"],
            str(row["lines"]), minor_text(Decimal(row["total"]), row["currency"]), row["currency"],
        )  # fmt: skip
    out.print(table)


@app.command("show")
def show(
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Number such as IC-2026-000001, or a draft's id.")],
    as_json: Json = False,
) -> None:
    """Show one invoice line by line: what, of which account, by which rule and share, exact and charged."""
    document = _CHARGEBACK.get(f"/v1/invoices/{quote(invoice, safe='')}")
    if as_json:
        print_json(document)
        return
    out.print(invoice_view(msgspec.convert(document, Invoice)))


@app.command("approve")
def approve(
    period: Period,
    approved_by: Annotated[str, typer.Option(help="Who approves; must not be who asked for the close.")],
    as_json: Json = False,
) -> None:
    """Approve all drafted invoices of a period, as a second person."""
    answer = _CHARGEBACK.post(f"/v1/periods/{period}/approve", {"approved_by": approved_by})
    _report(answer, as_json, f"approved by {answer.get('approved_by')}")


@app.command("issue")
def issue(
    period: Period,
    wait: Annotated[bool, typer.Option(help="Wait until the files are published.")] = True,
    as_json: Json = False,
) -> None:
    """Give numbers to all approved invoices of a period, freeze them, and publish their files."""
    answer = _CHARGEBACK.post(f"/v1/periods/{period}/issue")
    if wait and not answer["files"]:
        answer = _wait_for_files(period)
    _report(answer, as_json, f"issued; files in {answer['files']}" if answer["files"] else "issued; files follow")


@app.command("export")
def export(
    period: Period,
    destination: Annotated[Path, typer.Option("--out", help="Directory to put the batch folder in.")] = Path(),
) -> None:
    """Fetch the published files of a period: documents, tables, manifest and SHA256SUMS."""
    folder = _CHARGEBACK.fetch_folder(f"/v1/periods/{period}/export", destination)
    out.print(f"{folder}: check with `sha256sum -c SHA256SUMS`")


def _wait_for_files(period: str) -> Any:
    deadline = time.monotonic() + _FILES_SECONDS_MAX
    with err.status(f"writing the files of {period}"):
        pause = pauses()
        while True:
            answer = _CHARGEBACK.get(f"/v1/periods/{period}")
            if answer["files"]:
                return answer
            if answer["waiting_for"]:
                fail("; ".join(answer["waiting_for"]), BLOCKED)
            if time.monotonic() > deadline:
                fail(f"no files after {_FILES_SECONDS_MAX} s; `apportion invoices issue {period}` waits again", FAULT)
            time.sleep(next(pause))


def _report(answer: dict[str, Any], as_json: bool, what: str) -> None:
    if as_json:
        print_json(answer)
        return
    out.print(f"{answer['billing_period']}: {escape(what)}")
    table = new_table("Currency", *figures("Documents", "Lines", "Invoiced", "Allocated", "Rounding"))
    for total in answer["totals"]:
        table.add_row(
            total["currency"], str(total["documents"]), str(total["lines"]), total["invoiced"], total["allocated"],
            total["rounding"],
        )  # fmt: skip
    out.print(table)
