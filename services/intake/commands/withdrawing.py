"""`withdraw`: take back what a source has in force."""

from __future__ import annotations

from typing import Annotated

import typer

from services.intake.commands.following import followed
from services.intake.commands.listing import show_delivery
from shared.terminal import BLOCKED, Json, ServiceCommands, fail, out, print_json

_intake = ServiceCommands("intake")


def withdraw(
    source: Annotated[str, typer.Argument(help="Whose costs are taken back, as `apportion intake deliveries` says.")],
    by: Annotated[str, typer.Option(help="Who asks for it; it is recorded.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    period: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only this month's; by default all.")] = None,
    as_json: Json = False,
) -> None:
    """Take back all that a source has in force, such as what was delivered under a wrong name.

    It becomes a delivery of the source, which retracts each row. It is held until another person releases it.
    """
    asked = _intake.post("/v1/withdrawals", {"source": source, "period": period, "by": by, "reason": reason})
    found = followed(_intake.get(f"/v1/deliveries/{asked['delivery_id']}"))
    print_json(found) if as_json else show_delivery(found)
    if found["state"] != "held":
        fail(f"nothing is taken back: the withdrawal is {found['state']} now", BLOCKED)
    if not as_json:
        out.print(
            f"another person looks at it, then: `apportion intake release {found['delivery_id']} --by NAME "
            "--reason TEXT`",
            soft_wrap=True,
        )
