"""`quality` and `rejected`: how good a delivery is, and the rows that were not taken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.intake.quality.page import quality_page
from shared.terminal import Json, ServiceCommands, out, print_json
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


def _show_rejected(report: dict[str, Any]) -> None:
    if report["rejected"]:
        table = new_table("code", "column", "rows", "first line", "what to do", title="rejected")
        for one in report["rejected"]:
            first = one["examples"][0]
            place = f"{first['file']}:{first['line']}"
            table.add_row(one["code"], one["column"], f"{one['rows']:,}", place, report["advice"][one["code"]]["do"])
        out.print(table)


def _show_flags(report: dict[str, Any]) -> None:
    if report["flags"]:
        table = new_table("flag", "rows", "absolute BilledCost", "share", "what to do", title="flagged")
        for flag in report["flags"]:
            costs = "\n".join(f"{cost['billed']} {cost['currency']}" for cost in flag["costs"])
            shares = "\n".join(cost["billed_share"] for cost in flag["costs"])
            table.add_row(flag["code"], f"{flag['rows']:,}", costs, shares, report["advice"][flag["code"]]["do"])
        out.print(table)


def _show_sums(report: dict[str, Any]) -> None:
    table = new_table("rule", "verdict", "checked", "broken", "first difference", title="sums")
    for rule in report["sums"]:
        first = rule["differences"][0] if rule["differences"] else None
        shown = "" if first is None else f"{first['subject']}: {first['difference'] or ''} {first['note']}"
        table.add_row(rule["code"], rule["verdict"], f"{rule['checked']:,}", f"{rule['broken']:,}", shown)
    out.print(table)
