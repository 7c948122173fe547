"""Support for tests that drive a stream on real Kafka and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Self

from faststream.kafka import KafkaBroker
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import topic_admin
from shared.cost_stream import CostGroup, CostStream, cost_tables
from shared.database import create_engine, metadata
from shared.dead_letters import dead_letter_table
from shared.outbox import outbox_table
from shared.projection import Projection
from shared.publisher import Publisher, cloud_event_headers
from shared.stream import Stream, StreamTables, positions_table
from shared.topics import COSTS

TABLES = metadata("probe")
STREAM_TABLES = StreamTables(positions_table(TABLES), dead_letter_table(TABLES), outbox_table(TABLES))
COST_TABLES = cost_tables(TABLES)


def event(delivery: str, partition: int, sequence: int, billed: str = "1.5", **more: object) -> bytes:
    """A cost event as intake publishes it."""
    charge = {"BillingCurrency": "USD", "BilledCost": billed, "EffectiveCost": "1", "InvoiceIssuerName": "AWS"}
    body = {
        "delivery_id": delivery, "partition": partition, "sequence": sequence, "kind": "charge",
        "billing_period": "2026-09", "charge_day": "2026-09-03", "row_hash": "ab", "occurrence": 0,
        "charge": charge | more,
    }  # fmt: skip
    return json.dumps(body).encode()


class Probe:
    """A consumer of cost events that keeps nothing but the control sums."""

    def __init__(self, bootstrap: str, database_url: str, prefix: str) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self.engine: AsyncEngine = create_engine(database_url, "probe")
        self.broker = KafkaBroker(bootstrap, allow_auto_create_topics=False, logger=None)
        self.errors: list[BaseException] = []
        self.effects: list[CostGroup] = []
        self.fail_first: list[Exception] = []
        projection = Projection(("InvoiceIssuerName",), tags=("team",), custom=("x_Project",), charge_day=True)
        self.costs = CostStream(COST_TABLES, "probe", projection.compile(), self._effect)
        self.stream = Stream(
            broker=self.broker, engine=self.engine, tables=STREAM_TABLES, service="probe", name="costs",
            prefix=prefix, topics=[COSTS.name], handler=self.costs, fatal=self.errors.append,
        )  # fmt: skip

    async def _effect(self, _conn: AsyncConnection, groups: list[CostGroup]) -> None:
        if self.fail_first:
            raise self.fail_first.pop()
        self.effects += groups

    async def __aenter__(self) -> Self:
        await topic_admin.apply(self.bootstrap, self.prefix)
        async with self.engine.begin() as conn:
            await conn.execute(text("CREATE SCHEMA IF NOT EXISTS probe"))
            await conn.run_sync(TABLES.create_all)
        await self.broker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.broker.stop()
        await self.engine.dispose()

    async def send(self, partition: int, values: Iterable[bytes], ids: Iterable[str] | None = None) -> None:
        """Put values on one partition of the cost topic, as they are."""
        async with Publisher(self.bootstrap, "test") as publisher:
            for value, event_id in zip(values, ids or iter(lambda: "", None), strict=False):
                headers = list(cloud_event_headers("finops.cost.v1", event_id, "intake")) if event_id else []
                await publisher.producer.send_and_wait(
                    self.prefix + COSTS.name, value, partition=partition, headers=headers
                )

    async def sums(self) -> tuple[int, Decimal]:
        """Events and billed cost of everything that was taken."""
        async with self.engine.connect() as conn:
            query = text("SELECT coalesce(sum(events), 0), coalesce(sum(billed_cost), 0) FROM probe.delivery_sums")
            events, billed = (await conn.execute(query)).one()
        return int(events), billed

    async def count(self, table: str) -> int:
        """Rows of one of the probe's tables."""
        async with self.engine.connect() as conn:
            return int((await conn.execute(text(f"SELECT count(*) FROM probe.{table}"))).scalar_one())
