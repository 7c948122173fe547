"""Chargeback as its own process against real Kafka and PostgreSQL, and the records that other services would send."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer

from deploy.local.ports import free_port
from services.chargeback.store.tables import METADATA
from shared import topics
from shared.events import (
    Allocation,
    AllocationRun,
    AllocationTotals,
    CostCenter,
    Origin,
    Period,
    encode,
)
from shared.events.allocations import SUSPENSE, line_content
from shared.money import total
from shared.publisher import Outgoing, Publisher
from tests.stack.service import ServiceProcess
from tests.stack.topics import create_topics
from tests.stack.waiting import until

PERIOD = "2026-01"
CLOSE = "2026-01-1"
CENTERS = ("CC-100", "CC 200/ä", "CC-300")

assert METADATA.schema == "chargeback"


def allocation(number: int, center: str, kind: str, cost: str, currency: str = "USD", **more: Any) -> Allocation:
    """One allocation line of the period."""
    shared: dict[str, Any] = {}
    if kind == "shared":
        shared = {"method": "weighted", "path": ["platform"], "weight": Decimal(1), "weight_total": Decimal(3)}
    key = hashlib.sha256(f"{number}/{center}/{currency}".encode()).hexdigest()[:32]
    fields: dict[str, Any] = {
        "allocation_id": key, "revision": 1, "run_id": "run-1", "billing_period": PERIOD, "currency": currency,
        "cost_center": center, "kind": kind, "billed_cost": Decimal(cost), "effective_cost": Decimal(cost),
        "origin": Origin(
            issuer="Cloud Inc.", invoice_id="P-1", service_provider="Cloud", service_name=f"=Service {number % 4}",
            billing_account_id="0001", sub_account_id=f"{number:04}", charge_category="Usage", charge_class=None,
        ),
        "rule_id": "by-team", "rule_set": "acme", "rule_set_version": "ab12",
    }  # fmt: skip
    return Allocation(**(fields | shared | more))


def lines_of_a_month() -> list[Allocation]:
    """Lines of three cost centers in two currencies, some in suspense, one withdrawn, with digits down to 1e-18."""
    lines = []
    for number in range(60):
        center, currency = CENTERS[number % 3], "JPY" if number % 5 == 0 else "USD"
        cost = f"{(number * 7919) % 100 - 20}.{(number * 104_729) % 10**9:09}000000001"
        lines.append(allocation(number, center, "shared" if number % 2 else "direct", cost, currency))
    lines.append(allocation(100, SUSPENSE, "suspense", "12.5"))
    lines.append(allocation(101, CENTERS[0], "direct", "0", revision=2, withdrawn=True))
    return lines


def final_run(lines: Sequence[Allocation], close_id: str = CLOSE, run_id: str = "run-1") -> AllocationRun:
    """The run that ends these lines."""
    live = [line for line in lines if not line.withdrawn]
    digests = (hashlib.sha256(line_content(line)).digest() for line in live)
    added = sum(int.from_bytes(digest, "big") for digest in digests) % 2**256
    return AllocationRun(
        run_id=run_id, billing_period=PERIOD, kind="final", close_id=close_id, rule_set="acme",
        rule_set_version="ab12", basis="EffectiveCost", deliveries=["d1"], lines_hash=f"{added:064x}",
        totals=[_totals(live, currency) for currency in sorted({line.currency for line in live})],
        changed_lines=len(lines),
    )  # fmt: skip


def _totals(live: Sequence[Allocation], currency: str) -> AllocationTotals:
    ours = [line for line in live if line.currency == currency]
    allocated = total(line.effective_cost for line in ours if line.kind != "suspense")
    suspense = total(line.effective_cost for line in ours if line.kind == "suspense")
    return AllocationTotals(
        currency=currency, events=len(ours), cost_billed=allocated, cost_effective=allocated, lines=len(ours),
        allocated_billed=allocated, allocated_effective=allocated, suspense_billed=suspense,
        suspense_effective=suspense,
    )  # fmt: skip


def closing(close_id: str = CLOSE, revision: int = 1) -> Period:
    """The ledger's word that the period is closing."""
    return Period(billing_period=PERIOD, revision=revision, state="closing", close_id=close_id, requested_by="ana")


class World:
    """One database, one topic prefix, one directory of files, and chargeback processes that come and go."""

    def __init__(self, bootstrap: str, database_url: str, prefix: str, folder: Path) -> None:
        self.bootstrap, self.database_url, self.prefix, self.folder = bootstrap, database_url, prefix, folder
        self.files_dir = folder / "files"
        self.port = free_port()
        self.process: ServiceProcess | None = None

    async def prepare(self) -> None:
        """Topics and a folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        await create_topics(self.bootstrap, self.prefix, "chargeback")

    async def send(self, *records: Any) -> None:
        """Publish contracts as their owners would."""
        async with Publisher(self.bootstrap, "test") as publisher:
            await publisher.publish([self._outgoing(record) for record in records])

    async def send_month(self, lines: Sequence[Allocation]) -> None:
        """Everything that invoices need."""
        centers = [CostCenter(cost_center_id=center, name=f"Team {center}", owner="lead") for center in CENTERS]
        await self.send(*centers, *lines, final_run(lines), closing())

    def start(self, failpoint: str = "") -> None:
        """Start the service."""
        environment = {
            **os.environ, "APPORTION_KAFKA_BOOTSTRAP": self.bootstrap, "APPORTION_DATABASE_URL": self.database_url,
            "APPORTION_TOPIC_PREFIX": self.prefix, "APPORTION_FILES_DIR": str(self.files_dir),
            "APPORTION_CHARGEBACK_HTTP_PORT": str(self.port), "APPORTION_FAILPOINT": failpoint,
            "APPORTION_SESSION_TIMEOUT_MS": "6000",
        }  # fmt: skip
        self.process = ServiceProcess("chargeback", environment, self.folder / "chargeback.log")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """Leave nothing running after a test."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    async def died(self) -> int:
        """Wait until the process is dead."""
        process = self.process
        assert process is not None

        async def ended() -> bool:
            return process.poll() is not None

        await until(ended, "the process dies at its failpoint")
        return process.wait()

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API, waiting for it to come up."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30, verify=False) as client:
            while True:
                assert self.process is None or self.process.poll() is None, "chargeback ended"
                try:
                    return await client.request(method, path, **options)
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)

    async def status(self) -> dict[str, Any]:
        """The period as the API shows it."""
        answer: dict[str, Any] = (await self.ask("GET", f"/v1/periods/{PERIOD}")).json()
        return answer

    async def reaches(self, status: str) -> dict[str, Any]:
        """Wait until the invoices are drafted, approved, or issued with files."""

        async def there() -> Any:
            answer = await self.status()
            return answer if answer["status"] == status and (status != "issued" or answer["files"]) else None

        found: dict[str, Any] = await until(there, f"{PERIOD} is {status}")
        return found

    async def approve_and_issue(self) -> None:
        """What people do."""
        await self.reaches("drafted")
        await self.ask("POST", f"/v1/periods/{PERIOD}/approve", json={"approved_by": "ben"})
        await self.ask("POST", f"/v1/periods/{PERIOD}/issue")
        await self.reaches("issued")

    def published(self) -> dict[str, bytes]:
        """The batch folder's files by name."""
        return {path.name: path.read_bytes() for path in sorted((self.files_dir / PERIOD / "invoices-r1").iterdir())}

    async def read(self, topic: str) -> list[bytes]:
        """Everything on a topic now."""
        consumer = AIOKafkaConsumer(self.prefix + topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[bytes] = []
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in records]
        finally:
            await consumer.stop()
        return found

    def _outgoing(self, record: Any) -> Outgoing:
        value = encode(record)
        if isinstance(record, Allocation):
            key = f"{record.cost_center}/{record.allocation_id}".encode()
            return Outgoing(self.prefix + topics.ALLOCATIONS.name, key, value, (), record.cost_center.encode())
        if isinstance(record, CostCenter):
            return Outgoing(self.prefix + topics.COST_CENTERS.name, record.cost_center_id.encode(), value)
        topic = topics.PERIODS if isinstance(record, Period) else topics.ALLOCATION_RUNS
        return Outgoing(self.prefix + topic.name, record.billing_period.encode(), value)


def shuffled(records: Sequence[Allocation], seed: int) -> list[Allocation]:
    """The records in another order, every third one twice."""
    mixed = [*records, *records[::3]]
    random.Random(seed).shuffle(mixed)
    return mixed
