"""`quality` and `rejected`: how good a delivery is, and the rows that were not taken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from services.intake.quality.page import percent, quality_page
from shared.terminal import Json, ServiceCommands, figures, out, print_json
from shared.terminal import table as new_table

_intake = ServiceCommands("intake")

DeliveryId = Annotated[str, typer.Argument(help="The delivery's id.")]


def quality(
    delivery_id: DeliveryId,
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page that needs no other file.")] = None,
) -> None:
    """Show the quality report of a delivery: totals, rejections, flags and their share of cost, sums."""
    report = _intake.get(f"/v1/deliveries/{delivery_id}/quality")
    if html is not None:
        html.write_text(quality_page(report), encoding="utf-8")
    if as_json:
        print_json(report)
    elif html is None:
        _show(report)


def rejected(
    delivery_id: DeliveryId,
    destination: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="Write to this file instead of standard output.")
    ] = None,
) -> None:
    """Print the rejected rows of a delivery as JSON Lines: file, line, column, value, rule and the row as read."""
    if destination is not None:
        _intake.fetch_file(f"/v1/deliveries/{delivery_id}/rejected", destination)
        out.print(f"written to {destination}")
        return
    _intake.fetch(f"/v1/deliveries/{delivery_id}/rejected", sys.stdout.buffer)


def _show(report: dict[str, Any]) -> None:
    rows = report["rows"]
    out.print(
        f"delivery {report['delivery_id']} of {report['source']} is {report['state']}: {rows['read']:,} rows read, "
        f"{rows['accepted']:,} accepted, {rows['rejected']:,} rejected, {rows['flagged']:,} flagged"
    )
    for reason in report["hold_reasons"]:
        out.print(f"held, {reason['code']}: {reason['message']}", style="red", markup=False)
    _show_rejected(report)
    _show_flags(report)
    _show_sums(report)
    _show_advice(report)


def _show_rejected(report: dict[str, Any]) -> None:
    if report["rejected"]:
        table = _table("code", "column", *figures("rows"), "first line", title="rejected")
        for one in report["rejected"]:
            first = one["examples"][0]
            table.add_row(one["code"], one["column"], f"{one['rows']:,}", f"{first['file']}:{first['line']}")
        out.print(table)


def _show_flags(report: dict[str, Any]) -> None:
    if report["flags"]:
        table = _table("flag", *figures("rows", "absolute BilledCost", "of all"), title="flagged")
        for flag in report["flags"]:
            costs = "\n".join(f"{cost['billed']} {cost['currency']}" for cost in flag["costs"])
            shares = "\n".join(percent(cost["billed_share"]) for cost in flag["costs"])
            table.add_row(flag["code"], f"{flag['rows']:,}", costs, shares)
        out.print(table)


def _show_sums(report: dict[str, Any]) -> None:
    table = _table("rule", "verdict", "broken", "first difference", title="sums")
    for rule in report["sums"]:
        first = _difference(rule["differences"][0]) if rule["differences"] else ""
        table.add_row(rule["code"], rule["verdict"], f"{rule['broken']:,} of {rule['checked']:,}", first)
    out.print(table)


def _difference(one: dict[str, Any]) -> str:
    off = f"{one['difference']} {one['currency'] or ''}".rstrip() if one["difference"] is not None else ""
    return f"{one['subject']}: " + "; ".join(part for part in (off, one["note"]) if part)


def _show_advice(report: dict[str, Any]) -> None:
    """What to do, once for each code that asks for something."""
    broken = [rule for rule in report["sums"] if rule["broken"]]
    codes = dict.fromkeys(one["code"] for one in (*report["rejected"], *report["flags"], *broken))
    if codes:
        table = _table("code", "what to do", title="what to do")
        for code in codes:
            table.add_row(code, report["advice"][code]["do"])
        out.print(table)


def _table(*headers: str, title: str) -> Table:
    """The first two columns hold names and counts, which a narrow terminal does not break; amounts it may fold."""
    made = new_table(*headers, title=title)
    for column in made.columns[:-1][:2]:
        column.no_wrap = True
    return made
