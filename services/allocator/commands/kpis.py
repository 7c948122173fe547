"""`apportion kpis`: key figures of a month's allocation."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from shared.terminal import Json, ServiceCommands, figures, out, print_json
from shared.terminal import table as new_table

_ALLOCATOR = ServiceCommands("allocator")


def kpis_command(
    period: Annotated[str, typer.Argument(metavar="YYYY-MM", help="Billing period.")], as_json: Json = False
) -> None:
    """Show how much of a month's cost is allocated, directly or shared, what is in suspense, tagged, and unused rules.

    Percentages are of all cost, also of what can't be tagged, in the rule set's basis. Tags are those that rules and
    pools look at. Suspense is as old as the first of the runs in a row that had some.
    """
    found = _ALLOCATOR.get("/v1/kpis", period=period)
    if as_json:
        print_json(found)
        return
    table = new_table("currency", *figures("cost", "allocated", "direct", "shared", "suspense", "in suspense for"))
    for one in found["currencies"]:
        parts = (_percent(one[f"{name}_percent"]) for name in ("allocated", "direct", "shared", "suspense"))
        days = one["suspense_days"]
        table.add_row(one["currency"], one["cost"], *parts, "" if days is None else f"{days} days")
    out.print(table)
    tags = [(one["currency"], tag) for one in found["currencies"] for tag in one["tags"]]
    if tags:
        tagged = new_table("tag", "currency", *figures("cost that carries it", "of all"))
        for currency, tag in tags:
            tagged.add_row(escape(tag["tag"]), currency, tag["cost"], _percent(tag["percent"]))
        out.print(tagged)
    out.print(_coverage(found), markup=False)


def _percent(value: str | None) -> str:
    return "" if value is None else f"{value} %"


def _coverage(found: dict[str, Any]) -> str:
    said = f"{found['rules_matched']} of {found['rules']} rules matched something"
    return f"{said}; nothing: {', '.join(found['rules_unmatched'])}" if found["rules_unmatched"] else said
