"""Allocation: the pure engine, runs through the service, a changed rule, and simulations."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import yaml

from apportion.stack import prepare
from benchmarks import large_month
from benchmarks.probes import peak_memory_mb, wait_for
from benchmarks.stages import intake
from deploy.local import Stack
from services.allocator.loading import Bundle, load_bundle
from shared.events import CostEvent, Delivery, Totals, encode
from shared.publisher import Outgoing, Publisher
from shared.topics import COSTS, DELIVERIES

_PEOPLE = {"applied_by": "benchmark", "approved_by": "benchmark approver"}
_PATIENCE_SECONDS = 1_800
_SIMULATION_SECONDS = 600


def engine(buckets: int) -> dict[str, Any]:
    """The pure function on the large month, cold, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine", str(buckets)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def large(work: Path, buckets: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The large month through Kafka and PostgreSQL: a first run, one without a change, one after a changed rule."""
    with Stack(work / "large") as stack:
        stack.start_infrastructure()
        prepare(stack)
        allocator = _Allocator(stack)
        allocator.apply(large_month.bundle())
        allocator.post("/v1/drivers", large_month.measurements())
        say(f"the large month: {buckets:,} buckets by the stream, and a first run")
        asyncio.run(_publish(stack, buckets))
        return _three_runs(allocator, large_month.bundle(), large_month.bundle(changed=True), say)


def default_grain(work: Path, given: Path, rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """A generated month as it comes from intake, by its own rules, which look at few dimensions."""
    with Stack(work / "default") as stack:
        stack.start_infrastructure()
        prepare(stack)
        say(f"the generated month of {rows:,} rows")
        intake(stack, given, rows)
        allocator, rules = _Allocator(stack), load_bundle(given / "rules.yaml")
        allocator.apply(rules)
        found = _three_runs(allocator, rules, _with_one_rule_less(rules), say)
        say("simulation from the archive, cold")
        found["simulation from archive"] = _simulated(stack, given, found["first"]["billing_period"])
    return found


def _simulated(stack: Stack, given: Path, period: str) -> dict[str, float]:
    rules = str(given / "rules.yaml")
    command = [sys.executable, "-m", "apportion", "rules", "simulate", "--period", period, "--rules", rules,
               "--against", rules, "--archive", str(stack.data_dir / "intake" / "archive"), "--json"]  # fmt: skip
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, text=True, check=True)
    return {"seconds": round(time.perf_counter() - started, 2)}


def _with_one_rule_less(rules: Bundle) -> Bundle:
    """A rule set without its last rule: what that took goes to the fallback."""
    document = yaml.safe_load(rules.document)
    document["rules"].pop()
    return Bundle(yaml.safe_dump(document, sort_keys=False), rules.files, rules.document_name)


class _Allocator:
    """One allocator process, seen from outside."""

    def __init__(self, stack: Stack) -> None:
        self._database_url = stack.database_url.replace("+asyncpg", "")
        stack.start("allocator")
        self._pid = next(part.pid for part in stack.status() if part.name == "allocator")
        self._http = httpx.Client(base_url=stack.url("allocator"), timeout=_SIMULATION_SECONDS)

    def apply(self, bundle: Bundle) -> None:
        """Put a rule set in force."""
        self._version = self.post("/v1/rule-sets", bundle.as_json() | _PEOPLE)["version"]

    def post(self, path: str, body: object) -> Any:
        """POST JSON."""
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def newest(self) -> dict[str, Any]:
        """The newest run; empty if there is none."""
        runs = self._http.get("/v1/runs").json()["runs"]
        return runs[0] if runs else {}

    def run(self) -> dict[str, Any]:
        """Wait for a run by the rules that were applied last, and until all its lines are published."""
        wait_for(lambda: self.newest().get("rule_set_version") == self._version, _PATIENCE_SECONDS)
        wait_for(lambda: not asyncio.run(self._unpublished()), _PATIENCE_SECONDS)
        run = self.newest()
        return {
            "billing_period": run["billing_period"], "seconds": float(run["seconds"]),
            "lines": sum(total["lines"] for total in run["totals"]), "changed_lines": run["changed_lines"],
            "peak_mb": peak_memory_mb(self._pid),
        }  # fmt: skip

    async def _unpublished(self) -> int:
        """Chunks of records that wait in the outbox."""
        connection = await asyncpg.connect(self._database_url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM allocator.outbox"))
        finally:
            await connection.close()


def _three_runs(allocator: _Allocator, rules: Bundle, changed: Bundle, say: Callable[[str], None]) -> dict[str, Any]:
    """A run that writes everything, one that changes nothing, and one after a changed rule; then a simulation.

    `published_seconds` are from the request that applies the rules until the last changed line is on the topic.
    """
    found: dict[str, Any] = {"first": allocator.run()}
    for name, bundle in (("unchanged", _commented(rules)), ("changed rule", changed)):
        say(f"a run by the same costs: {name}")
        started = time.perf_counter()
        allocator.apply(bundle)
        found[name] = allocator.run() | {"published_seconds": round(time.perf_counter() - started, 2)}
    say("simulation by the API")
    question = {"billing_period": found["first"]["billing_period"], "rules": rules.as_json()}
    started = time.perf_counter()
    allocator.post("/v1/simulations", question)
    return found | {"simulation": {"seconds": round(time.perf_counter() - started, 2)}}


def _commented(rules: Bundle) -> Bundle:
    """The same rules under another version."""
    return Bundle(rules.document + "\n# the same\n", rules.files, rules.document_name)


async def _publish(stack: Stack, count: int) -> None:
    """Publish the large month's charges as one delivery."""
    partitions, total = COSTS.partitions, Decimal(0)
    counts = [0] * partitions
    async with Publisher(stack.bootstrap, "benchmark") as publisher:
        topic = stack.topic_prefix + COSTS.name
        for number, (columns, day, amount) in enumerate(large_month.charges(count)):
            place = number % partitions
            value = encode(_event(place, counts[place], columns, day, amount))
            await publisher.producer.send(topic, value, partition=place)
            counts[place] += 1
            total += amount
        await publisher.producer.flush()
        record = encode(_delivery(counts, total))
        await publisher.publish([Outgoing(stack.topic_prefix + DELIVERIES.name, b"large", record)])


def _event(partition: int, sequence: int, columns: dict[str, Any], day: str, amount: Decimal) -> CostEvent:
    cost = format(amount, "f")
    return CostEvent(
        delivery_id="large", partition=partition, sequence=sequence, kind="charge", billing_period=large_month.PERIOD,
        charge_day=day, row_hash="", occurrence=0, charge=columns | {"BilledCost": cost, "EffectiveCost": cost},
    )  # fmt: skip


def _delivery(counts: list[int], total: Decimal) -> Delivery:
    totals = Totals(
        billing_period=large_month.PERIOD, currency="USD", events=sum(counts), billed_cost=total, effective_cost=total
    )
    return Delivery(
        delivery_id="large", source="benchmark", ordinal=1, received_at="", files=[], partition_events=counts,
        published=[totals], snapshot=[totals], charges=sum(counts), retractions=0,
    )  # fmt: skip
