"""`apportion adjustments`: what came for closed months, and who gets it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

import typer

from shared.money import text, total
from shared.terminal import Json, ServiceCommands, figures, moment, out, print_json
from shared.terminal import table as new_table

_ALLOCATOR = ServiceCommands("allocator")
_PAGE = "10000"
_BASES = ("billed_cost", "effective_cost")


def adjustments_command(
    period: Annotated[
        str | None, typer.Argument(metavar="YYYY-MM", help="A closed month; leave out to list those of all.")
    ] = None,
    cost_center: Annotated[
        str | None, typer.Option(help="With a month: only this cost center; SUSPENSE is what nobody owns.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what has come for closed months since they were closed: cost, or corrected drivers.

    What was allocated by the close stays as it is; an adjustment holds the differences, by the rules of the month. With
    a month, who gets or gives what, and the largest line of each for `apportion explain`; --json has all lines.
    Adjustments are not invoiced by Apportion yet.
    """
    params = {"period": period} if period else {}
    found = _ALLOCATOR.get("/v1/adjustments", **params)
    lines = None
    if period is not None:
        only = {"cost_center": cost_center} if cost_center else {}
        lines = list(_ALLOCATOR.pages("/v1/adjustments/lines", "lines", period=period, **only, limit=_PAGE))
    if as_json:
        print_json(found | ({} if lines is None else {"lines": lines}))
    elif not found["adjustments"]:
        out.print(f"{period} has not been adjusted" if period else "no closed month has been adjusted")
    else:
        _show(found["adjustments"])
        if lines is not None:
            _show_takers(lines)


def _show(found: Iterable[dict[str, Any]]) -> None:
    table = new_table(
        "month", "no.", "because of", "finished", *figures("lines", "late billed", "late effective"), "currency"
    )
    for run in found:
        cause = ", ".join(run["deliveries"]) or "drivers"
        for sums in run["totals"]:
            table.add_row(
                run["billing_period"], str(run["number"]), cause, moment(run["finished_at"]), str(sums["lines"]),
                sums["cost_billed"], sums["cost_effective"], sums["currency"],
            )  # fmt: skip
    out.print(table)


def _show_takers(lines: Iterable[dict[str, Any]]) -> None:
    found: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault((line["adjustment"], line["cost_center"], line["currency"]), []).append(line)
    table = new_table("no.", "cost center", *figures("billed", "effective"), "currency", "largest line")
    for (number, cost_center, currency), parts in sorted(found.items()):
        billed, effective = (text(total(Decimal(one[name]) for one in parts)) for name in _BASES)
        largest = max(parts, key=lambda one: (Decimal(one["effective_cost"]).copy_abs(), one["allocation_id"]))
        table.add_row(str(number), cost_center, billed, effective, currency, largest["allocation_id"])
    out.print(table)
