"""What an operator does around the services: migrate the database, create topics, look after dead letters."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from shared import topic_admin
from shared.database import create_engine, migrate
from shared.remote import Refused, Remote
from shared.settings import ServiceSettings, ServiceUrls
from shared.terminal import BAD_USAGE, BLOCKED, Json, ServiceCommands, fail, out, print_json
from shared.terminal import table as new_table

SERVICES = ("intake", "allocator", "chargeback", "ledger")

topics = typer.Typer(help="Kafka topics: partitions, retention, compaction.", no_args_is_help=True)
letters = typer.Typer(help="Records that a service refused, kept byte for byte.", no_args_is_help=True)


async def migrate_all(database_url: str) -> None:
    """Bring all four schemas to their newest version."""
    engine = create_engine(database_url, "apportion-migrate")
    try:
        for service in SERVICES:
            await migrate(engine, service)
    finally:
        await engine.dispose()


def migrate_command() -> None:
    """Create or upgrade the database schemas of all services. Safe to run again, and while services run."""
    settings = ServiceSettings()
    asyncio.run(migrate_all(settings.database_url.get_secret_value()))
    out.print(f"schemas {', '.join(SERVICES)} are at their newest version")


@topics.command("apply")
def apply_topics(
    replication_factor: Annotated[int, typer.Option(help="Copies of each new topic; 3 on a real cluster.")] = 1,
    as_json: Json = False,
) -> None:
    """Create the topics that are missing and set retention and cleanup where they differ. Deletes nothing."""
    settings = ServiceSettings()
    states = asyncio.run(topic_admin.apply(settings.kafka_bootstrap, settings.topic_prefix, replication_factor))
    if as_json:
        print_json([{"name": s.name, "partitions": s.partitions, "state": s.state} for s in states])
        return
    table = new_table("topic", "partitions", "state")
    for state in states:
        table.add_row(state.name, str(state.partitions), state.state)
    out.print(table)


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
