"""What an operator does about records that a service refused."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shared.remote import Refused, Remote
from shared.settings import ServiceUrls
from shared.terminal import BAD_USAGE, BLOCKED, Json, ServiceCommands, fail, out, print_json
from shared.terminal import table as new_table

SERVICES = ("intake", "allocator", "chargeback", "ledger")

letters = typer.Typer(help="Records that a service refused, kept byte for byte.", no_args_is_help=True)


@letters.command("list")
def list_letters(as_json: Json = False) -> None:
    """Show the open dead letters of all services. A billing period with open ones does not close."""
    found = _open_letters()
    if as_json:
        print_json(found)
        return
    table = new_table("service", "id", "topic", "period", "code", "reason")
    for letter in found:
        table.add_row(
            letter["service"], letter["dead_letter_id"], letter["topic"], letter["billing_period"] or "any",
            letter["code"], letter["message"],
        )  # fmt: skip
    out.print(table if found else "no open dead letters")


@letters.command("replay")
def replay_letters(
    dead_letter_ids: Annotated[list[str] | None, typer.Argument(help="Ids from `dead-letters list`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay every open dead letter.")] = False,
    as_json: Json = False,
) -> None:
    """Give refused records to their service once more; what is refused again stays, with its reason."""
    wanted = set(dead_letter_ids or ())
    if bool(wanted) == everything:
        fail("name dead letters, or say --all", BAD_USAGE)
    found = [letter for letter in _open_letters() if everything or letter["dead_letter_id"] in wanted]
    unknown = wanted - {letter["dead_letter_id"] for letter in found}
    if unknown:
        fail(f"no open dead letter {', '.join(sorted(unknown))}", BAD_USAGE)
    results = [_replayed(letter["service"], letter["dead_letter_id"]) for letter in found]
    if as_json:
        print_json(results)
    for result in [] if as_json else results:
        out.print(f"{result['service']} {result['id']}: {result['reason'] or 'replayed'}", markup=False)
    if any(result["reason"] for result in results):
        raise typer.Exit(BLOCKED)


def _open_letters() -> list[dict[str, Any]]:
    return [
        {"service": service} | letter
        for service in SERVICES
        for letter in ServiceCommands(service).get("/v1/dead-letters")
    ]


def _replayed(service: str, letter_id: str) -> dict[str, str]:
    try:
        with Remote(service, getattr(ServiceUrls(), f"{service}_url")) as remote:
            remote.post(f"/v1/dead-letters/{letter_id}/replay")
    except Refused as error:
        return {"service": service, "id": letter_id, "reason": str(error)}
    return {"service": service, "id": letter_id, "reason": ""}
