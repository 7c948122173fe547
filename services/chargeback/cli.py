"""`apportion invoices ...`: read invoices, approve, issue and fetch them, over chargeback's HTTP API."""

from __future__ import annotations

import json
import tarfile
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.chargeback.terminal import invoice_view
from shared.events import Invoice, decode
from shared.settings import ServiceUrls

app = typer.Typer(
    name="invoices", no_args_is_help=True, help="Internal invoices: list and read them, approve, issue, export."
)
_console, _errors = Console(), Console(stderr=True)
_TIMEOUT_SECONDS = 120
_FILES_SECONDS_MAX = 900
_POLL_SECONDS = 0.3

Period = Annotated[str, typer.Argument(metavar="PERIOD", help="Billing period, YYYY-MM.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables; amounts are decimal strings.")]


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
    rows = _call("GET", "/v1/invoices", params={name: value for name, value in params.items() if value})
    if as_json:
        _print_json(rows)
        return
    table = Table("Number or id", "Period", "Cost center", "Status", "Lines", "Total", "Currency")
    for row in rows:
        table.add_row(
            row["number"] or row["invoice_id"], row["billing_period"], escape(row["cost_center"]), row["status"],
            str(row["lines"]), row["total"], row["currency"],
        )  # fmt: skip
    _console.print(table)


@app.command("show")
def show(
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Number such as IC-2026-000001, or a draft's id.")],
    as_json: Json = False,
) -> None:
    """Show one invoice line by line: what, of which account, by which rule and share, exact and charged."""
    document = _request("GET", f"/v1/invoices/{quote(invoice, safe='')}").content
    if as_json:
        _print_json(json.loads(document))
        return
    _console.print(invoice_view(decode(Invoice, document)))


@app.command("approve")
def approve(
    period: Period,
    approved_by: Annotated[str, typer.Option(help="Who approves; must not be who asked for the close.")],
    as_json: Json = False,
) -> None:
    """Approve all drafted invoices of a period, as a second person."""
    answer = _call("POST", f"/v1/periods/{period}/approve", json={"approved_by": approved_by})
    _report(answer, as_json, f"approved by {answer.get('approved_by')}")


@app.command("issue")
def issue(
    period: Period,
    wait: Annotated[bool, typer.Option(help="Wait until the files are published.")] = True,
    as_json: Json = False,
) -> None:
    """Give numbers to all approved invoices of a period, freeze them, and publish their files."""
    answer = _call("POST", f"/v1/periods/{period}/issue")
    if wait and not answer["files"]:
        answer = _wait_for_files(period)
    _report(answer, as_json, f"issued; files in {answer['files']}" if answer["files"] else "issued; files follow")


@app.command("export")
def export(
    period: Period,
    out: Annotated[Path, typer.Option(help="Directory to put the batch folder in; nothing there is overwritten.")],
) -> None:
    """Fetch the published files of a period: documents, tables, manifest and SHA256SUMS."""
    target = out / f"{period}-invoices-r1"
    if target.exists():
        _fail("exists", f"{target} is there already; nothing was overwritten")
    with tempfile.TemporaryFile() as archive:
        _download(f"/v1/periods/{period}/export", archive)
        with tarfile.open(fileobj=archive) as members:
            members.extractall(out, filter="data")
    _console.print(f"{target}: check with `sha256sum -c SHA256SUMS`")


def _download(path: str, file: IO[bytes]) -> None:
    with httpx.stream("GET", _url(path), timeout=_TIMEOUT_SECONDS) as response:
        if response.is_error:
            response.read()
            _refused(response)
        for chunk in response.iter_bytes():
            file.write(chunk)
    file.seek(0)


def _wait_for_files(period: str) -> Any:
    deadline = time.monotonic() + _FILES_SECONDS_MAX
    with _errors.status(f"writing the files of {period}"):
        while True:
            answer = _call("GET", f"/v1/periods/{period}")
            if answer["files"]:
                return answer
            if answer["waiting_for"]:
                _fail("waiting", "; ".join(answer["waiting_for"]))
            if time.monotonic() > deadline:
                _fail(
                    "timeout", f"no files after {_FILES_SECONDS_MAX} s; `apportion invoices issue {period}` waits again"
                )
            time.sleep(_POLL_SECONDS)


def _report(answer: dict[str, Any], as_json: bool, what: str) -> None:
    if as_json:
        _print_json(answer)
        return
    _console.print(f"{answer['billing_period']}: {escape(what)}")
    table = Table("Currency", "Documents", "Lines", "Invoiced", "Allocated", "Rounding")
    for total in answer["totals"]:
        table.add_row(
            total["currency"], str(total["documents"]), str(total["lines"]), total["invoiced"], total["allocated"],
            total["rounding"],
        )  # fmt: skip
    _console.print(table)


def _call(method: str, path: str, **options: Any) -> Any:
    return _request(method, path, **options).json()


def _request(method: str, path: str, **options: Any) -> httpx.Response:
    try:
        response = httpx.request(method, _url(path), timeout=_TIMEOUT_SECONDS, **options)
    except httpx.TransportError as error:
        _fail("unreachable", f"chargeback does not answer at {_url('')}: {error}. Is the stack up (`apportion up`)?")
    if response.is_error:
        _refused(response)
    return response


def _refused(response: httpx.Response) -> NoReturn:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        _fail(str(response.status_code), response.text[:500])
    _fail(error["code"], error["message"])


def _fail(code: str, message: str) -> NoReturn:
    _errors.print(f"[red]{escape(code)}[/red]: {escape(message)}", highlight=False)
    raise typer.Exit(1)


def _url(path: str) -> str:
    return ServiceUrls().chargeback_url.rstrip("/") + path


def _print_json(value: Any) -> None:
    _console.print_json(json.dumps(value))
