"""The ledger's commands: closing a month, reconciling it, and taking its books away. Thin HTTP clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from shared.polling import pauses
from shared.terminal import BLOCKED, Json, ServiceCommands, err, figures, out, print_json
from shared.terminal import table as new_table

Period = Annotated[str, typer.Argument(metavar="YYYY-MM", help="Billing period.")]

period = typer.Typer(help="Billing periods: status, close, books.", no_args_is_help=True)
_LEDGER = ServiceCommands("ledger")


@period.command("status")
def status(
    billing_period: Annotated[str | None, typer.Argument(metavar="[YYYY-MM]", help="Leave out for all.")] = None,
    as_json: Json = False,
) -> None:
    """Show the state of one billing period, or of all.

    Of one: what a close under way waits for, the figures of every stage, and the breaks that block it.
    """
    if billing_period is not None:
        _show(_LEDGER.get(f"/v1/periods/{billing_period}"), as_json)
        return
    found = _LEDGER.get("/v1/periods")
    if as_json:
        print_json(found)
        return
    table = new_table("period", "state", "close", "requested by", "waiting for")
    for one in found:
        state = one["state"] if not one["phase"] else f"{one['state']} ({one['phase']})"
        table.add_row(one["billing_period"], state, one["close_id"] or "", one["requested_by"] or "",
                      "\n".join(one["waiting_for"]))  # fmt: skip
    out.print(table)


@period.command("close")
def close(
    billing_period: Period,
    prepared_by: Annotated[str, typer.Option(help="Who prepares the invoices; somebody else has to approve them.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the period is closed or blocked.")] = False,
    as_json: Json = False,
) -> None:
    """Close a billing period: check, final allocation run, invoices, reconciliation, books.

    The ledger closes only what adds up. A blocked period lists its breaks and what to do about each; once that is done,
    close it again. Invoices have to be approved and issued in between (`apportion invoices approve`, `... issue`).

    Exit codes with --wait: 0 closed, 3 blocked.
    """
    asked = _LEDGER.post(f"/v1/periods/{billing_period}/close", {"requested_by": prepared_by})
    if not wait:
        if as_json:
            print_json(asked)
        else:
            out.print(f"close {asked['close_id']} is under way; `apportion period status {billing_period}` follows it")
        return
    found = _follow(billing_period)
    _show(found, as_json)
    if found["state"] == "blocked":
        raise typer.Exit(BLOCKED)


@period.command("export")
def export(
    billing_period: Period,
    destination: Annotated[Path, typer.Option("--out", help="Directory that gets the folder of the books.")] = Path(),
) -> None:
    """Fetch the published books of a closed period: journal, trial balance, Beancount, hledger, reconciliation."""
    folder = _LEDGER.fetch_folder(f"/v1/periods/{billing_period}/export", destination)
    out.print(f"books of {billing_period} are in {folder}")


def reconcile(billing_period: Period, as_json: Json = False) -> None:
    """Compare all stages of a billing period as they are now; changes nothing.

    Provider invoice = cost events = allocated + suspense = invoiced - rounding. Exit codes: 0 no breaks, 3 breaks.
    """
    found = _LEDGER.post(f"/v1/periods/{billing_period}/reconcile")
    _show(found, as_json)
    if found["breaks"]:
        raise typer.Exit(BLOCKED)


def _follow(billing_period: str) -> dict[str, Any]:
    """Poll until the close has ended, showing what it waits for."""
    with err.status(f"closing {billing_period}") as spinner:
        pause = pauses()
        while True:
            found: dict[str, Any] = _LEDGER.get(f"/v1/periods/{billing_period}")
            if found["state"] in {"closed", "blocked"}:
                return found
            spinner.update(f"closing {billing_period} ({found['phase']}): {'; '.join(found['waiting_for']) or '...'}")
            time.sleep(next(pause))


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    out.print(
        f"{found['billing_period']}: [bold]{found['state']}[/bold]" + (f" ({found['phase']})" if found["phase"] else "")
    )
    for what in found["waiting_for"]:
        out.print(f"waits for {what}", markup=False)
    if found["stages"]:
        out.print(_stages(found["stages"]))
    for note in found["notes"]:
        out.print(f"note: {note}", markup=False)
    for one in found["breaks"]:
        out.print(f"break {one['code']} ({one['owner']}): {one['message']}", markup=False, style="red")
    if found["books"]:
        out.print(f"books: {found['books']}", markup=False)


def _stages(stages: list[dict[str, Any]]) -> Table:
    names = ("rows", "provider_invoiced", "billed_cost", "effective_cost", "allocated", "suspense", "invoiced",
             "rounding", "documents")  # fmt: skip
    table = new_table("stage", *figures(*(one["currency"] for one in stages)))
    for name in names:
        table.add_row(name.replace("_", " "), *(_cell(one[name]) for one in stages))
    return table


def _cell(value: object) -> str:
    return "none known" if value is None else str(value)
