"""`apportion savings`: what commitments saved a month, and for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.allocator.archived_costs import NoCosts
from services.allocator.commands.sides import rule_set_of
from services.allocator.explaining.savings import savings
from services.allocator.simulating.page import rounded
from shared.archive import ArchiveUnreadable
from shared.terminal import BAD_USAGE, Json, fail, out, print_json
from shared.terminal import table as new_table


def savings_command(
    period: Annotated[str, typer.Argument(metavar="YYYY-MM", help="Billing period.")],
    archive: Annotated[Path, typer.Option(help="The archive of costs: the directory `archive` of intake's data.")],
    rules: Annotated[
        Path | None,
        typer.Option(help="Whose the charges are, by this rule set; by default by the one of the month's newest run."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what commitments (reservations, savings plans) saved, by commitment and by whoever had the covered usage.

    Savings are contracted less effective cost of covered usage; unused commitment is listed beside them. Cost that
    rules give to a pool is listed under the pool.
    """
    try:
        found = savings(archive, period, rule_set_of(period, rules))
    except (ArchiveUnreadable, NoCosts) as error:
        fail(str(error), BAD_USAGE)
    if as_json:
        print_json(found)
        return
    table = new_table("commitment", "owner", "at contracted prices", "effective", "savings", "unused", "currency")
    for one in found:
        currency = one["currency"]
        amounts = (one["contracted_cost"], one["effective_cost"], one["savings"], one["unused_cost"])
        table.add_row(
            one["commitment_name"], one["owner"], *(f"{rounded(amount, currency):,f}" for amount in amounts), currency
        )
    out.print(table)
