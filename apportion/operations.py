"""What an operator does around the services: migrate the database, create topics."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from deploy.local.services import SERVICES
from shared import topic_admin
from shared.database import create_engine, migrate
from shared.settings import ServiceSettings
from shared.terminal import BLOCKED, FAULT, Json, fail, out, print_json
from shared.terminal import table as new_table

topics = typer.Typer(help="Kafka topics: partitions, retention, compaction.", no_args_is_help=True)


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
    try:
        states = asyncio.run(topic_admin.apply(settings.kafka_bootstrap, settings.topic_prefix, replication_factor))
    except (KafkaError, OSError) as error:
        message = f"Kafka at {settings.kafka_bootstrap} did not make the topics what they have to be ({error!r})"
        fail(f"{message}; see that it runs (`apportion status`), then run this again", FAULT)
    except topic_admin.TooFewPartitions as error:
        fail(str(error), BLOCKED)
    if as_json:
        print_json([{"name": s.name, "partitions": s.partitions, "state": s.state} for s in states])
        return
    table = new_table("topic", "partitions", "state")
    for state in states:
        table.add_row(state.name, str(state.partitions), state.state)
    out.print(table)
