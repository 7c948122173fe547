"""`release` and `cancel`: a person's decision about a held delivery."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shared.terminal import Json, ServiceCommands, out, print_json

_intake = ServiceCommands("intake")

HeldDelivery = Annotated[str, typer.Argument(help="The id of a held delivery.")]
By = Annotated[str, typer.Option(help="Who decides; it is recorded.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


def release(delivery_id: HeldDelivery, by: By, reason: Reason, as_json: Json = False) -> None:
    """Let a held delivery go on: it is compared with what is in force now, and published."""
    _show(_intake.post(f"/v1/deliveries/{delivery_id}/release", {"by": by, "reason": reason}), as_json)


def cancel(delivery_id: HeldDelivery, by: By, reason: Reason, as_json: Json = False) -> None:
    """Give a held delivery up: nothing of it is ever published."""
    _show(_intake.post(f"/v1/deliveries/{delivery_id}/cancel", {"by": by, "reason": reason}), as_json)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    print_json(answer) if as_json else out.print(f"delivery {answer['delivery_id']} is {answer['state']}")
