"""Intake as its own process against real Kafka and PostgreSQL, and what it left on the topics."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from deploy.local.ports import free_port
from services.intake.domain.delivery import ENDED
from shared.events import CostEvent, Delivery, ProviderInvoice, Totals, decode
from shared.topics import COSTS, DELIVERIES, PROVIDER_INVOICES, dead_letters
from tests.stack.command import apportion
from tests.stack.service import ServiceProcess
from tests.stack.topics import create_topics
from tests.stack.waiting import PATIENCE_SECONDS

Sums = dict[tuple[str, str], tuple[int, Decimal, Decimal]]


class World:
    """One intake with its own database, topics and data directory."""

    def __init__(self, bootstrap: str, database_url: str, prefix: str, directory: Path) -> None:
        self.bootstrap, self.database_url, self.prefix, self.directory = bootstrap, database_url, prefix, directory
        self.port = free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False, verify=False)
        self._process: ServiceProcess | None = None

    async def prepare(self) -> None:
        """Create topics."""
        self.directory.mkdir(parents=True, exist_ok=True)
        await create_topics(self.bootstrap, self.prefix, "intake")

    def start(
        self, failpoint: str = "", *, reject_limit: str = "100%", shrink_share: str = "1", **settings: object
    ) -> None:
        """Start the service and wait until it is ready, or has died at the failpoint. By default it holds nothing."""
        environment = {
            **os.environ,
            "APPORTION_KAFKA_BOOTSTRAP": self.bootstrap,
            "APPORTION_DATABASE_URL": self.database_url,
            "APPORTION_TOPIC_PREFIX": self.prefix,
            "APPORTION_DATA_DIR": str(self.directory / "data"),
            "APPORTION_INTAKE_HTTP_PORT": str(self.port),
            "APPORTION_FAILPOINT": failpoint,
            "APPORTION_INTAKE_REJECT_LIMIT": reject_limit,
            "APPORTION_INTAKE_SHRINK_SHARE": shrink_share,
            **{f"APPORTION_INTAKE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._process = ServiceProcess("intake", environment, self.directory / "intake.log")
        process = self._process
        self.until(lambda: process.poll() is not None or self._ready(), "ready")

    def died(self) -> int:
        """Wait until the process is dead; the signal that killed it."""
        assert self._process is not None
        code = self._process.wait(PATIENCE_SECONDS)
        self._process = None
        return -code

    def stop(self) -> None:
        """Stop the service as an operator would."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(PATIENCE_SECONDS) == 0
            self._process = None

    def kill(self) -> None:
        """End the process whatever state it is in."""
        self.http.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def apportion(self, *arguments: str | Path, **environment: str) -> CompletedProcess[str]:
        """Run a command against this intake."""
        return apportion(*arguments, env={"APPORTION_INTAKE_URL": f"http://127.0.0.1:{self.port}", **environment})

    def begin(self, source: str, files: Sequence[Path], **terms: object) -> str:
        """Upload files and deliver them; the delivery's id."""
        answer = self.ask(source, files, **terms)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["delivery_id"])

    def ask(self, source: str, files: Sequence[Path], **terms: object) -> httpx.Response:
        """Upload files and ask for their delivery."""
        references = [self._upload(file) for file in files]
        return self.http.post("/v1/deliveries", json={"source": source, "files": references, **terms})

    def finish(self, delivery_id: str) -> dict[str, Any]:
        """Wait for the end of a delivery."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.http.get(f"/v1/deliveries/{delivery_id}").json())
            return found["state"] in {"held", *ENDED}

        self.until(ended, f"delivery {delivery_id} has ended")
        return found

    def deliver(self, source: str, *files: Path, **terms: object) -> dict[str, Any]:
        """Deliver files and wait."""
        return self.finish(self.begin(source, files, **terms))

    def decide(self, decision: str, delivery_id: str) -> httpx.Response:
        """Release or cancel a held delivery."""
        body = {"by": "ann", "reason": "the provider says so"}
        return self.http.post(f"/v1/deliveries/{delivery_id}/{decision}", json=body)

    def decide_and_die(self, decision: str, delivery_id: str) -> None:
        """Decide while the service is to die of it."""
        with contextlib.suppress(httpx.TransportError):
            self.decide(decision, delivery_id)
        assert self.died() == signal.SIGKILL

    def beside(self) -> World:
        """Another process of the same intake: the same database, topics and data directory."""
        return World(self.bootstrap, self.database_url, self.prefix, self.directory)

    def state(self, delivery_id: str) -> str:
        """A delivery's state now."""
        return str(self.http.get(f"/v1/deliveries/{delivery_id}").json()["state"])

    def invoices(self, file: Path) -> httpx.Response:
        """Upload provider invoices."""
        return self.http.post("/v1/provider-invoices", params={"name": file.name}, content=file.read_bytes())

    def shows(self, sample: str) -> bool:
        """Whether the metrics have a sample, such as `name 1.0`."""
        return sample in self.http.get("/metrics").text.splitlines()

    async def events(self) -> dict[int, list[CostEvent]]:
        """All cost events by partition, each of them decoded by the contract."""
        found: dict[int, list[CostEvent]] = {partition: [] for partition in range(COSTS.partitions)}
        for record in await self.records(COSTS.name):
            found[record.partition].append(decode(CostEvent, record.value))
            headers = dict(record.headers)
            event = found[record.partition][-1]
            assert headers["ce_id"].decode() == f"{event.delivery_id}/{event.partition}/{event.sequence}"
            assert set(headers) == {"ce_id"}
        return found

    async def deliveries(self, count: int) -> list[Delivery]:
        """The published delivery records, as soon as there are so many."""
        return [decode(Delivery, value) for value in await self.values(DELIVERIES.name, count)]

    async def provider_invoices(self, count: int) -> list[ProviderInvoice]:
        """The published provider invoices, as soon as there are so many."""
        return [decode(ProviderInvoice, value) for value in await self.values(PROVIDER_INVOICES.name, count)]

    async def letters(self, count: int) -> list[bytes]:
        """What was announced as refused, as soon as there is so much."""
        return await self.values(dead_letters(COSTS.name), count)

    async def values(self, topic: str, count: int) -> list[bytes]:
        """What is on a topic, as soon as there is so much."""
        return [record.value for record in await self.records(topic, count)]

    async def records(self, topic: str, count: int = 0) -> list[ConsumerRecord]:
        """Everything on a topic, as soon as there is so much, in the order of its partitions."""
        partitions = [
            TopicPartition(self.prefix + topic, one) for one in range(COSTS.partitions if topic == COSTS.name else 1)
        ]
        found: dict[TopicPartition, list[ConsumerRecord]] = {one: [] for one in partitions}
        deadline = time.monotonic() + PATIENCE_SECONDS
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign(partitions)
            while await _read_to_the_end(consumer, found) < count:
                assert time.monotonic() < deadline, f"not {count} records on {topic}: {found}"
                _keep(found, await consumer.getmany(timeout_ms=1_000))
        finally:
            await consumer.stop()
        return [record for records in found.values() for record in records]

    def _upload(self, file: Path) -> dict[str, str]:
        answer = self.http.post("/v1/files", params={"name": file.name}, content=file.read_bytes())
        assert answer.status_code == 201, answer.text
        return {"name": file.name, "sha256": answer.json()["sha256"]}

    def _ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def until(self, condition: Any, what: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            log = (self.directory / "intake.log").read_text()[-2_000:]
            assert time.monotonic() < deadline, f"not in time: {what}\n{log}"
            time.sleep(0.1)  # asking costs both sides a few milliseconds of CPU


async def _read_to_the_end(consumer: AIOKafkaConsumer, found: dict[TopicPartition, list[ConsumerRecord]]) -> int:
    """Read everything that is there now; how much that is, with what was read before."""
    ends = await consumer.end_offsets(list(found))
    while any([await consumer.position(one) < ends[one] for one in found]):
        _keep(found, await consumer.getmany(timeout_ms=200))
    return sum(map(len, found.values()))


def _keep(
    found: dict[TopicPartition, list[ConsumerRecord]], records: dict[TopicPartition, list[ConsumerRecord]]
) -> None:
    for partition, more in records.items():
        found[partition] += more


def effective(events: dict[int, list[CostEvent]]) -> dict[int, list[CostEvent]]:
    """What a consumer takes: per delivery and partition each sequence once, in order, without gaps."""
    taken: dict[int, list[CostEvent]] = {}
    for partition, received in events.items():
        expected: dict[str, int] = defaultdict(int)
        taken[partition] = []
        for event in received:
            assert event.partition == partition
            assert event.sequence <= expected[event.delivery_id], f"gap in {event.delivery_id}/{partition}"
            if event.sequence == expected[event.delivery_id]:
                expected[event.delivery_id] += 1
                taken[partition].append(event)
    return taken


def sums(events: dict[int, list[CostEvent]]) -> Sums:
    """Events, BilledCost and EffectiveCost by period and currency."""
    found: Sums = {}
    for event in (event for received in events.values() for event in received):
        key = (event.billing_period, str(event.charge["BillingCurrency"]))
        count, billed, effective_cost = found.get(key, (0, Decimal(0), Decimal(0)))
        found[key] = (
            count + 1,
            billed + Decimal(str(event.charge["BilledCost"])),
            effective_cost + Decimal(str(event.charge["EffectiveCost"])),
        )
    return found


def stated(totals: Sequence[Totals]) -> Sums:
    """The same from control totals."""
    return {(one.billing_period, one.currency): (one.events, one.billed_cost, one.effective_cost) for one in totals}
