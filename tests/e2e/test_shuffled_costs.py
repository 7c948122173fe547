"""Cost events on other partitions, in another order, and other rules before: the same allocations and invoices."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from apportion.run import Job, Outcome, Steps
from apportion.stack import prepare
from deploy.local import Stack
from shared.events import Allocation, CostEvent, Delivery, decode, encode
from shared.publisher import Publisher
from shared.remote import Remote
from shared.topics import ALLOCATIONS, COSTS, DELIVERIES, PROVIDER_INVOICES, TopicSpec
from tests.faults.support import figures, fingerprint, job_of, make_input, run_disturbed
from tests.stack.shared import Guest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]

_ROWS = 1_000
_CONSUMERS = ("allocator", "chargeback", "ledger")


@dataclass(frozen=True)
class Ended:
    """What a run left behind, in files and on its topics."""

    figures: list[dict[str, Any]]
    files: dict[str, str]
    topics: dict[str, list[bytes]]


async def read_back(stack: Stack, spec: TopicSpec) -> list[bytes]:
    """All values of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap)
    await consumer.start()
    try:
        places = [TopicPartition(stack.topic_prefix + spec.name, number) for number in range(spec.partitions)]
        wanted = sum((await consumer.end_offsets(places)).values())
        consumer.assign(places)
        await consumer.seek_to_beginning()
        values: list[bytes] = []
        while len(values) < wanted:
            values += [one.value for some in (await consumer.getmany(timeout_ms=100)).values() for one in some]
        return values
    finally:
        await consumer.stop()


def _ended(stack: Stack, job: Job, outcome: Outcome) -> Ended:
    assert outcome.closed
    specs = (COSTS, DELIVERIES, PROVIDER_INVOICES, ALLOCATIONS)
    topics = {spec.name: asyncio.run(read_back(stack, spec)) for spec in specs}
    return Ended(figures(outcome), fingerprint(job.out), topics)


def shuffled(events: list[CostEvent], partitions: int, seed: int) -> list[CostEvent]:
    """The same events in another order on other partitions, numbered anew."""
    chance = random.Random(seed)
    order = chance.sample(events, len(events))
    numbers: Counter[int] = Counter()
    moved = []
    for event in order:
        partition = chance.randrange(partitions)
        moved.append(msgspec.structs.replace(event, partition=partition, sequence=numbers[partition]))
        numbers[partition] += 1
    return moved


def in_force(values: list[bytes]) -> dict[str, Allocation]:
    """The newest revision of every line. How often runs looked at a part of the events before is a matter of time."""
    newest: dict[str, Allocation] = {}
    for line in sorted((decode(Allocation, value) for value in values), key=lambda one: one.revision):
        newest[line.allocation_id] = msgspec.structs.replace(line, revision=1, run_id="")
    return {name: line for name, line in newest.items() if not line.withdrawn}


async def _publish(stack: Stack, events: list[CostEvent], deliveries: list[Delivery], invoices: list[bytes]) -> None:
    costs, delivered, invoiced = (stack.topic_prefix + spec.name for spec in (COSTS, DELIVERIES, PROVIDER_INVOICES))
    async with Publisher(stack.bootstrap, "shuffler") as publisher:
        send = publisher.producer.send
        for event in events:
            name = f"{event.delivery_id}/{event.partition}/{event.sequence}".encode()
            await send(costs, encode(event), partition=event.partition, headers=[("ce_id", name)])
        for delivery in deliveries:
            await send(delivered, encode(delivery), key=delivery.delivery_id.encode())
        for invoice in invoices:
            await send(invoiced, invoice, key=b"invoice")
        await publisher.producer.flush()


def _renumbered(delivery: Delivery, events: list[CostEvent]) -> Delivery:
    counts = Counter(event.partition for event in events if event.delivery_id == delivery.delivery_id)
    return msgspec.structs.replace(delivery, partition_events=[counts[number] for number in range(COSTS.partitions)])


def test_partition_and_order_of_cost_events_change_nothing(shared_stack: Stack, tmp_path: Path) -> None:
    given = make_input(tmp_path / "given", _ROWS)
    with Guest(shared_stack, tmp_path / "straight") as stack:
        job = job_of(given, tmp_path / "out-straight")
        outcome, _ = run_disturbed(stack, job, {})
        straight = _ended(stack, job, outcome)
    events = [decode(CostEvent, value) for value in straight.topics[COSTS.name]]
    moved = shuffled(events, COSTS.partitions, seed=5)
    deliveries = [_renumbered(decode(Delivery, value), moved) for value in straight.topics[DELIVERIES.name]]
    elsewhere = {(e.row_hash, e.occurrence): e.partition for e in moved}
    assert sum(elsewhere[e.row_hash, e.occurrence] != e.partition for e in events) > len(events) / 2

    with Guest(shared_stack, tmp_path / "shuffled") as stack:
        job = job_of(given, tmp_path / "out-shuffled")
        outcome = _consumed(stack, job, moved, deliveries, straight.topics[PROVIDER_INVOICES.name])
        found = _ended(stack, job, outcome)
    versions = {decode(Allocation, value).rule_set_version for value in found.topics[ALLOCATIONS.name]}
    assert len(versions) == 2, "there was a preview by other rules"

    assert found.figures == straight.figures
    assert found.files == straight.files
    assert in_force(found.topics[ALLOCATIONS.name]) == in_force(straight.topics[ALLOCATIONS.name])


def _consumed(
    stack: Stack, job: Job, events: list[CostEvent], deliveries: list[Delivery], invoices: list[bytes]
) -> Outcome:
    """Take the events through everything behind intake, with a preview by fewer rules before the job's own."""
    stack.start_infrastructure()
    prepare(stack)
    for service in _CONSUMERS:
        stack.start(service, env={"APPORTION_FILES_DIR": str(job.out)})
    outcome = Outcome()
    with ExitStack() as connections:
        services = {name: connections.enter_context(Remote(name, stack.url(name))) for name in _CONSUMERS}
        people = {"applied_by": job.prepared_by, "approved_by": job.approved_by}
        fewer = job.bundle | {"document": _with_one_rule_less(job.bundle["document"])}
        version = services["allocator"].post("/v1/rule-sets", fewer | people)["version"]
        asyncio.run(_publish(stack, events, deliveries, invoices))
        _wait_for_run(services["allocator"], version)
        services["allocator"].post("/v1/rule-sets", job.bundle | people)
        steps = Steps(job, services, outcome, lambda _: None, lambda: None)
        for period in sorted({total.billing_period for one in deliveries for total in one.snapshot}):
            steps.close(period)
    return outcome


def _with_one_rule_less(document: str) -> str:
    rules = yaml.safe_load(document)
    rules["rules"].pop()
    return yaml.safe_dump(rules, sort_keys=False)


def _wait_for_run(allocator: Remote, version: str) -> None:
    deadline = time.monotonic() + 60
    while not any(run["rule_set_version"] == version for run in allocator.get("/v1/runs")["runs"]):
        assert time.monotonic() < deadline, allocator.get("/v1/runs")
        time.sleep(0.05)
