"""Waiting for a delivery, and the exit code that its end means."""

from __future__ import annotations

import time
from typing import Any, Final

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.intake.domain.delivery import ENDED
from shared.polling import pauses
from shared.terminal import BAD_USAGE, BLOCKED, ServiceCommands, err, fail

_SETTLED: Final = {"held", *ENDED}
_intake = ServiceCommands("intake")


def followed(delivery: dict[str, Any]) -> dict[str, Any]:
    """Wait until a delivery has ended or is held; the delivery then."""
    with progress_bar() as progress:
        task = progress.add_task("waiting", total=None)
        pause = pauses()
        while delivery["state"] not in _SETTLED:
            time.sleep(next(pause))
            delivery = _intake.get(f"/v1/deliveries/{delivery['delivery_id']}")
            events = sum(delivery["partition_events"])
            progress.update(task, description=_doing(delivery), total=events or None,
                            completed=delivery["events_published"])  # fmt: skip
    return delivery


def fail_unless_complete(delivery: dict[str, Any]) -> None:
    """End the command if a delivery was refused, or is not published."""
    if delivery["state"] == "refused":
        fail(f"no costs were published: {delivery['error']}", BAD_USAGE)
    name = delivery["delivery_id"]
    if delivery["state"] == "held":
        fail(
            f"nothing was published: the delivery is held. Look at `apportion intake quality {name}`, then "
            f"`apportion intake release {name} --by NAME --reason TEXT`, or cancel it, or deliver a mended export",
            BLOCKED,
        )
    if delivery["state"] != "complete":
        fail(f"nothing was published: the delivery was held, and is {delivery['state']} now", BLOCKED)


def progress_bar() -> Progress:
    """A line on stderr that goes away when it is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)


def _doing(delivery: dict[str, Any]) -> str:
    if delivery["partition_events"]:
        return f"publishing: {delivery['events_published']:,} of {sum(delivery['partition_events']):,} cost events"
    return f"reading: {delivery['rows_read']:,} rows"
