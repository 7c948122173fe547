"""`apportion savings`: what commitments saved a month, and for whom."""

from __future__ import annotations

from typing import Annotated

import typer

from shared.money import readable
from shared.terminal import Json, ServiceCommands, figures, out, print_json
from shared.terminal import table as new_table


def savings_command(
    period: Annotated[str, typer.Argument(metavar="YYYY-MM", help="Billing period.")],
    as_json: Json = False,
) -> None:
    """Show what commitments (reservations, savings plans) saved, by commitment and by whoever had the covered usage.

    Savings are contracted less effective cost of covered usage; unused commitment is listed beside them. Cost that
    rules give to a pool is listed under the pool. It is read from intake's archive.
    """
    found = ServiceCommands("allocator").get("/v1/savings", period=period)
    if as_json:
        print_json(found)
        return
    table = new_table(
        "commitment", "owner", *figures("at contracted prices", "effective", "savings", "unused"), "currency"
    )
    for one in found:
        currency = one["currency"]
        amounts = (one["contracted_cost"], one["effective_cost"], one["savings"], one["unused_cost"])
        table.add_row(
            one["commitment_name"], one["owner"], *(readable(amount, currency) for amount in amounts), currency
        )
    out.print(table)
