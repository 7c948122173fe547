"""Real allocator processes on real Kafka and PostgreSQL, and records as the other services would write them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from aiokafka import AIOKafkaConsumer

from deploy.local.ports import free_port
from shared import topics
from shared.events import AdjustmentRun, Allocation, AllocationRun, CostEvent, Delivery, Period, Totals, decode, encode
from shared.events.allocations import line_content
from shared.events.base import content_hash
from shared.failpoints import ENVIRONMENT_VARIABLE
from shared.money import ZERO
from shared.publisher import Outgoing, Publisher
from tests.stack.service import ServiceProcess
from tests.stack.topics import create_topics
from tests.stack.waiting import until

ROOT = Path(__file__).parents[3]
PERIOD = "2026-01"
PARTITIONS = topics.COSTS.partitions
R = TypeVar("R", AllocationRun, AdjustmentRun)


class Process:
    """One allocator process."""

    def __init__(self, world: World, name: str, failpoint: str) -> None:
        port = free_port()
        self.log = world.directory / f"{name}.log"
        environment = os.environ | {
            "APPORTION_KAFKA_BOOTSTRAP": world.bootstrap,
            "APPORTION_DATABASE_URL": world.database_url,
            "APPORTION_TOPIC_PREFIX": world.prefix,
            "APPORTION_ALLOCATOR_HTTP_PORT": str(port),
            "APPORTION_ALLOCATOR_BATCH_EVENTS": "100",
            "APPORTION_SESSION_TIMEOUT_MS": "6000",
            ENVIRONMENT_VARIABLE: failpoint,
        }
        self.popen = ServiceProcess("allocator", environment, self.log)
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, verify=False)

    async def alive(self) -> bool | None:
        """Whether it answers; also true when it was killed at a step it reached at once."""
        if self.popen.poll() is not None:
            return True
        try:
            return (await self.http.get("/livez")).status_code == 200 or None
        except httpx.TransportError:
            return None

    async def killed(self) -> None:
        """Wait for the process to be killed at its failpoint."""

        async def ended() -> int | None:
            return self.popen.poll()

        assert await until(ended, "the allocator reaches its failpoint") == -signal.SIGKILL, self.tail()

    def kill(self) -> None:
        """End it as power loss would."""
        self.popen.kill()
        self.popen.wait()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-3000:]


class World:
    """Topics, schema and allocator processes of one test."""

    def __init__(self, bootstrap: str, database_url: str, prefix: str, directory: Path) -> None:
        self.bootstrap, self.database_url, self.prefix, self.directory = bootstrap, database_url, prefix, directory
        self.processes: list[Process] = []
        self._publisher = Publisher(bootstrap, "test")
        self._deliveries = 0

    async def __aenter__(self) -> Self:
        await create_topics(self.bootstrap, self.prefix, "allocator")
        await self._publisher.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._publisher.__aexit__(None, None, None)
        for process in self.processes:
            await process.http.aclose()
            process.kill()

    async def start(self, failpoint: str = "") -> Process:
        """Start a process; `failpoint` names the step at which it is to be killed."""
        process = Process(self, f"allocator-{len(self.processes)}", failpoint)
        self.processes.append(process)
        await until(process.alive, f"the allocator answers: {process.tail()}")
        return process

    async def deliver(
        self, costs: Sequence[dict[str, Any]], leave_out: int | None = None, billing_period: str = PERIOD
    ) -> Delivery:
        """Publish charges as one delivery, dealt over the partitions; `leave_out` loses one event on the way."""
        self._deliveries += 1
        delivery_id = f"d-{self._deliveries}"
        counts = [0] * PARTITIONS
        for number, cost in enumerate(costs):
            partition = number % PARTITIONS
            event = _event(delivery_id, partition, counts[partition], cost, billing_period)
            counts[partition] += 1
            if number != leave_out:
                await self._send(topics.COSTS.name, encode(event), partition)
        delivery = _delivery(delivery_id, self._deliveries, counts, costs, billing_period)
        await self.publish(topics.DELIVERIES.name, delivery_id, encode(delivery))
        return delivery

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        """Publish one record."""
        await self._publisher.publish([Outgoing(self.prefix + topic, key.encode(), value)])

    async def period(
        self, revision: int, state: str, close_id: str | None = None, deliveries: Sequence[str] = ()
    ) -> None:
        """Publish a state of the period, as the ledger does."""
        record = Period(
            billing_period=PERIOD, revision=revision, state=state, close_id=close_id, deliveries=list(deliveries),  # type: ignore[arg-type]
        )  # fmt: skip
        await self.publish(topics.PERIODS.name, PERIOD, encode(record))

    async def run_of(
        self, process: Process, wanted: Callable[[dict[str, Any]], bool], billing_period: str = PERIOD
    ) -> dict[str, Any]:
        """Wait for the newest run to be a wanted one."""

        async def look() -> dict[str, Any] | None:
            assert process.popen.poll() is None, process.tail()
            found = (await process.http.get("/v1/runs", params={"period": billing_period})).json()
            return next((run for run in found["runs"][:1] if wanted(run)), None)

        return await until(look, f"the run; {process.tail()}")

    async def waits(self, process: Process, words: str) -> str:
        """Wait for a run to wait for something."""

        async def look() -> str | None:
            found = (await process.http.get("/v1/runs", params={"period": PERIOD})).json()
            return next((w["reason"] for w in found["waiting"] if words in w["reason"]), None)

        return await until(look, f"a run that waits for {words!r}; {process.tail()}")

    async def settled(self, process: Process) -> None:
        """Wait until no run is asked for."""

        async def look() -> bool | None:
            found = (await process.http.get("/v1/runs", params={"period": PERIOD})).json()
            return not found["waiting"] or None

        await until(look, f"no run waits; {process.tail()}")

    async def published_lines(self, run: dict[str, Any]) -> dict[str, Allocation]:
        """The live lines as a consumer of the topic sees them, once they have the run's hash."""
        return await self._lines(topics.ALLOCATIONS.name, [run])

    async def adjusting_lines(self, runs: Sequence[dict[str, Any]]) -> dict[str, Allocation]:
        """All lines of adjustments as a consumer of their topic sees them, once they have the hashes of all."""
        return await self._lines(topics.ADJUSTMENTS.name, runs)

    async def _lines(self, topic: str, runs: Sequence[dict[str, Any]]) -> dict[str, Allocation]:
        consumer = AIOKafkaConsumer(self.prefix + topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        wanted = sum(int(run["lines_hash"], 16) for run in runs) % 2**256
        newest: dict[str, Allocation] = {}

        async def look() -> dict[str, Allocation] | None:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    line = decode(Allocation, record.value)
                    if line.allocation_id not in newest or newest[line.allocation_id].revision < line.revision:
                        newest[line.allocation_id] = line
            live = {key: line for key, line in newest.items() if not line.withdrawn}
            hashes = sum(int(content_hash(line_content(line)), 16) for line in live.values()) % 2**256
            return live if hashes == wanted else None

        try:
            return await until(look, "the run's lines on the topic")
        finally:
            await consumer.stop()

    async def published_runs(self, wanted: int) -> list[AllocationRun]:
        """The runs on the topic, once there are as many."""
        return await self._runs(topics.ALLOCATION_RUNS.name, AllocationRun, wanted)

    async def published_adjustments(self, wanted: int) -> list[AdjustmentRun]:
        """The adjustments on the topic, once there are as many."""
        return await self._runs(topics.ADJUSTMENT_RUNS.name, AdjustmentRun, wanted)

    async def _runs(self, topic: str, contract: type[R], wanted: int) -> list[R]:
        consumer = AIOKafkaConsumer(self.prefix + topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        found: list[R] = []

        async def look() -> list[R] | None:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found.extend(decode(contract, record.value) for record in records)
            return found if len({run.run_id for run in found}) >= wanted else None

        try:
            return await until(look, f"{wanted} runs on the topic")
        finally:
            await consumer.stop()

    async def _send(self, topic: str, value: bytes, partition: int) -> None:
        await self._publisher.producer.send(self.prefix + topic, value, partition=partition)


def _event(delivery_id: str, partition: int, sequence: int, cost: dict[str, Any], billing_period: str) -> CostEvent:
    return CostEvent(
        delivery_id=delivery_id, partition=partition, sequence=sequence, kind="charge", billing_period=billing_period,
        charge_day=cost.get("ChargePeriodStart", f"{billing_period}-01")[:10], row_hash=f"{partition:02}{sequence:06}",
        occurrence=0, charge=cost,
    )  # fmt: skip


def _delivery(
    delivery_id: str, ordinal: int, counts: list[int], costs: Sequence[dict[str, Any]], billing_period: str
) -> Delivery:
    totals = Totals(
        billing_period=billing_period, currency="USD", events=len(costs),
        billed_cost=sum((Decimal(cost["BilledCost"]) for cost in costs), ZERO),
        effective_cost=sum((Decimal(cost["EffectiveCost"]) for cost in costs), ZERO),
    )  # fmt: skip
    return Delivery(
        delivery_id=delivery_id, source="test", ordinal=ordinal, received_at="", files=[], partition_events=counts,
        published=[totals], snapshot=[totals], charges=len(costs), retractions=0,
    )  # fmt: skip
