"""`republish`: everything again from the archive."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from shared.polling import pauses
from shared.terminal import BLOCKED, Json, ServiceCommands, fail, out, print_json

_intake = ServiceCommands("intake")


def republish(
    source: Annotated[str | None, typer.Option(help="Only this source's deliveries.")] = None,
    period: Annotated[list[str] | None, typer.Option(metavar="YYYY-MM", help="Only what concerns this month.")] = None,
    as_json: Json = False,
) -> None:
    """Publish everything again from the archive, for a new Kafka cluster or new topics, and wait until it is done.

    Consumers that have the events skip them; consumers with empty databases arrive at the same figures.
    """
    asked = _intake.post("/v1/republications", {"source": source, "periods": period or []})
    pause = pauses()
    while (state := _intake.get("/v1/republications"))["waiting"]:
        time.sleep(next(pause))
    if as_json:
        print_json(asked | {"failed": state["failed"]})
    else:
        out.print(
            f"{asked['deliveries']} deliveries, {asked['provider_invoices']} provider invoices, "
            f"{asked['holds']} holds published again"
        )
    if state["failed"]:
        fail("\n".join(one["error"] for one in state["failed"]), BLOCKED)
