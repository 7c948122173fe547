"""What an operator does around the services: migrate the database, create topics, look after dead letters."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from apportion.output import fail, out
from shared import topic_admin
from shared.database import create_engine, migrate
from shared.settings import ServiceSettings, ServiceUrls

SERVICES = ("intake", "allocator", "chargeback", "ledger")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

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
        out.print_json(json.dumps([{"name": s.name, "partitions": s.partitions, "state": s.state} for s in states]))
        return
    table = Table("topic", "partitions", "state")
    for state in states:
        table.add_row(state.name, str(state.partitions), state.state)
    out.print(table)


@letters.command("list")
def list_letters(as_json: Json = False) -> None:
    """Show the open dead letters of all services. A billing period with open ones does not close."""
    found = [
        {"service": service, **letter}
        for service, url in _urls().items()
        for letter in _call("GET", f"{url}/v1/dead-letters")
    ]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("service", "id", "topic", "period", "code", "reason")
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
    if bool(dead_letter_ids) == everything:
        fail("name dead letters, or say --all", 2)
    results = []
    for service, url in _urls().items():
        open_ids = [letter["dead_letter_id"] for letter in _call("GET", f"{url}/v1/dead-letters")]
        for letter_id in open_ids if everything else [i for i in open_ids if i in (dead_letter_ids or [])]:
            answer = httpx.post(f"{url}/v1/dead-letters/{letter_id}/replay", timeout=60)
            reason = "" if answer.is_success else answer.json()["error"]["message"]
            results.append({"service": service, "id": letter_id, "replayed": answer.is_success, "reason": reason})
    unknown = set(dead_letter_ids or []) - {result["id"] for result in results}
    if unknown:
        fail(f"no open dead letter {', '.join(sorted(unknown))}", 2)
    if as_json:
        out.print_json(json.dumps(results))
    for result in [] if as_json else results:
        out.print(f"{result['service']} {result['id']}: {'replayed' if result['replayed'] else result['reason']}")
    if not all(result["replayed"] for result in results):
        raise typer.Exit(3)


def _urls() -> dict[str, str]:
    urls = ServiceUrls()
    return {service: getattr(urls, f"{service}_url") for service in SERVICES}


def _call(method: str, url: str) -> Any:
    try:
        answer = httpx.request(method, url, timeout=30)
    except httpx.TransportError as error:
        fail(f"{url} does not answer ({error}); is the stack up? `apportion up` starts one here", 1)
    answer.raise_for_status()
    return answer.json()
