"""`costs`: costs that no cloud bills, from a file or from another program."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from services.intake.commands.following import fail_unless_complete, followed
from services.intake.commands.listing import show_delivery
from services.intake.direct.body import BODY_BYTES_MAX
from shared.terminal import BAD_USAGE, Json, ServiceCommands, fail, print_json

_STDIN: Final = Path("-")
_intake = ServiceCommands("intake")


def costs(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="A JSON array, or JSON Lines; - reads it from standard input.")
    ],
    source: Annotated[str, typer.Option(help="Whose costs these are, such as render-farm.")],
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key; by default it is made from the content, which then counts once for ever."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add costs that no cloud bills, and wait until they are published. docs/direct-costs.md has the columns.

    All of them are taken in or none. Giving the same again adds nothing: to charge the same amounts a second time, say
    another --key.

    Exit codes: 0 published; 3 held, or the source delivers full snapshots; 2 refused, nothing published; 1 a fault.
    """
    body = _read(file)
    media_type = "application/json" if body.lstrip()[:1] == b"[" else "application/x-ndjson"
    headers = {"Content-Type": media_type, "Idempotency-Key": key or key_of(body)}
    created = _intake.post_bytes("/v1/costs", body, headers, source=source)
    delivery = followed(_intake.get(f"/v1/deliveries/{created['delivery_id']}"))
    if as_json:
        print_json(delivery)
    elif delivery["state"] != "refused":
        show_delivery(delivery)
    fail_unless_complete(delivery)


def key_of(body: bytes) -> str:
    """The key of costs that come without one: the same bytes, the same key."""
    return f"sha256-{hashlib.sha256(body).hexdigest()}"


def _read(file: Path) -> bytes:
    if file != _STDIN and not file.is_file():
        fail(f"{file}: there is no such file", BAD_USAGE)
    with sys.stdin.buffer if file == _STDIN else file.open("rb") as stream:
        body = stream.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        fail(f"{file}: it has more than {BODY_BYTES_MAX:,} bytes; give it in parts", BAD_USAGE)
    return body
