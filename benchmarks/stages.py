"""Each stage alone on the machine with Kafka and PostgreSQL, on the same delivery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apportion.jobs import checked_bundle
from apportion.stack import prepare
from benchmarks import ceilings
from benchmarks.probes import metric, peak_memory_mb, wait_for
from deploy.local import Stack
from shared.remote import Remote
from shared.topics import COSTS

_CEILING_EVENTS_MAX = 300_000


@dataclass(frozen=True)
class Rate:
    """Events and the seconds they took, with what it cost the database."""

    events: int
    seconds: float
    statements: int = 0
    commits: int = 0
    peak_mb: int = 0

    @property
    def per_second(self) -> int:
        return round(self.events / self.seconds)

    def as_json(self) -> dict[str, Any]:
        per_100k = 100_000 / self.events
        return {
            "events": self.events, "seconds": round(self.seconds, 3), "per_second": self.per_second,
            "statements_per_100k": round(self.statements * per_100k),
            "commits_per_100k": round(self.commits * per_100k), "peak_mb": self.peak_mb,
        }  # fmt: skip


def measure(given: Path, work: Path, rows: int, say: Callable[[str], None]) -> dict[str, Rate]:
    """Ceilings and stages, one after the other, each with the machine to itself."""
    rates: dict[str, Rate] = {}
    with Stack(work / "stages") as stack:
        stack.start_infrastructure()
        prepare(stack)
        topic, bootstrap = COSTS.name, stack.bootstrap
        say("intake: file to acknowledged by Kafka")
        rates["intake"] = intake(stack, given, rows)
        say("raw getmany and decode")
        rates["raw getmany + decode"] = Rate(*asyncio.run(ceilings.consume(bootstrap, topic, COSTS.partitions)))
        for service in ("allocator", "ledger"):
            say(f"{service} stream")
            rates[f"{service} stream"] = _stream(stack, service, given / "rules.yaml", rows)
    return rates


def intake_and_produce(given: Path, work: Path, rows: int, rounds: int) -> list[dict[str, Rate]]:
    """Intake, and raw produce of the same bytes in two ways, in turns: a machine's speed drifts."""
    found = []
    with Stack(work / "produce") as stack:
        stack.start_infrastructure()
        prepare(stack)
        stack.start("intake")
        for number in range(rounds):
            rates = {"intake": _deliver(stack, given / "focus.csv.gz", f"benchmark-{number}", rows)}
            recorded = asyncio.run(ceilings.record(stack.bootstrap, COSTS.name, COSTS.partitions, _CEILING_EVENTS_MAX))
            for name, produced in (("raw produce", ceilings.record_by_record), ("raw batches", ceilings.in_batches)):
                topic = f"benchmark.{produced.__name__}.{number}"
                rates[name] = Rate(*asyncio.run(ceilings.produce(stack.bootstrap, topic, recorded, produced)))
            found.append(rates)
    return found


def stream_with_rules(given: Path, work: Path, rows: int, rules: dict[str, Path], rounds: int) -> dict[str, list[Rate]]:
    """The allocator's stream on the same events with different rule sets, in turns: a machine's speed drifts."""
    rates: dict[str, list[Rate]] = {name: [] for name in rules}
    with Stack(work / "rules") as stack:
        stack.start_infrastructure()
        prepare(stack)
        intake(stack, given, rows)
        for instance, (name, path) in enumerate([*rules.items()] * rounds, 1):
            stack.postgres.drop_database(stack.database)
            stack.postgres.create_database(stack.database)
            prepare(stack)
            stack.topic_prefix = ""
            rates[name].append(_stream(stack, "allocator", path, rows, instance=instance))
    return rates


def deliveries(made: Iterable[tuple[str, Path, str]], work: Path, rows: int) -> dict[str, Rate]:
    """Deliveries of (name, file, source), one after the other in one process of intake: its memory is to stay flat."""
    with Stack(work) as stack:
        stack.start_infrastructure()
        prepare(stack)
        stack.start("intake")
        return {name: _deliver(stack, file, source, rows) for name, file, source in made}


def intake(stack: Stack, given: Path, rows: int) -> Rate:
    """Deliver a generated export and wait until its costs are published."""
    stack.start("intake")
    rate = _deliver(stack, given / "focus.csv.gz", "benchmark", rows)
    stack.stop_service("intake")
    return rate


def _deliver(stack: Stack, file: Path, source: str, rows: int) -> Rate:
    pid, url = _pid(stack, "intake"), stack.url("intake")
    intake = Remote("intake", url)
    sha256 = intake.upload("/v1/files", file)["sha256"]
    before = _database_work(url)
    started = time.perf_counter()
    body = {"source": source, "files": [{"name": file.name, "sha256": sha256}]}
    delivery = intake.post("/v1/deliveries", body)["delivery_id"]
    wait_for(lambda: intake.get(f"/v1/deliveries/{delivery}")["state"] == "complete")
    seconds = time.perf_counter() - started
    statements, commits = (now - then for now, then in zip(_database_work(url), before, strict=True))
    return Rate(rows, seconds, statements, commits, peak_memory_mb(pid))


def _stream(stack: Stack, service: str, rules: Path, rows: int, instance: int = 1) -> Rate:
    name = stack.start(service, instance=instance)
    pid, url = _pid(stack, name), stack.url(name)
    if service == "allocator":
        body = checked_bundle(rules) | {"applied_by": "benchmark", "approved_by": "benchmark approver"}
        Remote("allocator", url).post("/v1/rule-sets", body)

    def events() -> int:
        return metric(url, "apportion_stream_events_total", topic=COSTS.name)

    wait_for(lambda: events() > 0)
    first, before, started = events(), _database_work(url), time.perf_counter()
    wait_for(lambda: events() >= rows)
    seconds = time.perf_counter() - started
    statements, commits = (now - then for now, then in zip(_database_work(url), before, strict=True))
    rate = Rate(rows - first, seconds, statements, commits, peak_memory_mb(pid))
    stack.stop_service(name)
    return rate


def _database_work(url: str) -> tuple[int, int]:
    return metric(url, "apportion_database_statements_total"), metric(url, "apportion_database_commits_total")


def _pid(stack: Stack, name: str) -> int:
    return next(part.pid for part in stack.status() if part.name == name)
