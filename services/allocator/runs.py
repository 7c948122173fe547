"""Allocation runs: preview while a period is open, final when it closes, and adjustments afterwards.

A run is one transaction under the billing period's lock:

1. lock, and read period state, rules, deliveries and buckets in one snapshot;  2. allocate;
3. write the lines that changed, with their next revision, or what an adjustment adds, and put them into the outbox;
4. write the run with its control totals, put it into the outbox, settle the request;  5. commit.
A crash before 5 leaves nothing behind but the request, so the same run is made again, with the same ids and cents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator import metrics, publishing
from services.allocator.adjusting.making import make_adjustment
from services.allocator.adjusting.planning import AdjustmentPlan, plan_adjustment
from services.allocator.domain.allocate import allocate_assigned
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.domain.lines import Line
from services.allocator.domain.methods import CannotDivide
from services.allocator.following import months_following
from services.allocator.key_figures import tag_sums
from services.allocator.planning import NewPlan, Plan, Waiting, plan
from services.allocator.store import allocations, records, requests
from services.allocator.store.tables import SERVICE, STREAM_TABLES
from services.allocator.totals import RunTotals
from services.allocator.trying import TriedPlan, TriedPlans
from services.allocator.turns import OneMonth
from services.allocator.writing import LineWriter
from shared import failpoints
from shared.database import try_lock_transaction
from shared.errors import Bug
from shared.events import AdjustmentRun, AllocationRun, encode
from shared.observability import logger
from shared.outbox import enqueue

_POLL_SECONDS = 0.1
_SERIALIZATION_FAILURES = {"40001", "40P01"}

_Done = AllocationRun | AdjustmentRun | None

log = logger(__name__)


class RunNotConserved(Bug):
    """A run does not add up: nothing of it is kept, and the process stops."""


class Runner:
    """Answers requests for runs, one billing period at a time.

    Args:
        tried: runs whose lines a trial has found already.
        one_month: whose turn it is to hold a month in memory.
    """

    def __init__(self, engine: AsyncEngine, prefix: str, tried: TriedPlans, one_month: OneMonth) -> None:
        self._engine, self._prefix, self._tried, self._one_month = engine, prefix, tried, one_month
        self._failing: dict[str, datetime] = {}

    async def run(self) -> None:
        """Answer requests until cancelled; an outage of the database is waited for."""
        while True:
            try:
                tried = self._tried.billing_periods
                async with self._engine.connect() as conn:
                    waiting = await requests.waiting(conn)
                self._tried.forget(tried - {request["billing_period"] for request in waiting})
                for request in waiting:
                    await self.attempt(request["billing_period"])
            except (DBAPIError, OSError) as error:
                log.warning("runs wait for the database", error=str(error)[:200])
            await asyncio.sleep(_POLL_SECONDS)

    async def attempt(self, billing_period: str) -> None:
        """Make the run that a period asks for, or note why it can't be made yet."""
        started = time.monotonic()
        try:
            async with self._one_month, self._engine.connect() as conn:
                await conn.execution_options(isolation_level="REPEATABLE READ")
                async with conn.begin():
                    done = await self._in_transaction(conn, billing_period, started)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _SERIALIZATION_FAILURES:
                raise
            log.info("run overtaken, trying again", period=billing_period)
            return
        if isinstance(done, AllocationRun):
            failpoints.reach("allocator.run.committed")
            metrics.show(done, time.monotonic() - started)
            log.info("run finished", run_id=done.run_id, period=billing_period, kind=done.kind,
                     changed_lines=done.changed_lines, seconds=round(time.monotonic() - started, 3))  # fmt: skip
        elif done is not None:
            failpoints.reach("allocator.adjustment.committed")
            log.info("closed period adjusted", run_id=done.run_id, period=billing_period, number=done.number,
                     deliveries=len(done.deliveries), seconds=round(time.monotonic() - started, 3))  # fmt: skip

    async def _in_transaction(self, conn: AsyncConnection, period: str, started: float) -> _Done:
        if not await try_lock_transaction(conn, SERVICE, "run", period):
            return None
        request = next(iter(await requests.waiting(conn, period)), None)
        if request is None or self._failing.get(period) == request["requested_at"]:
            return None
        known = await records.period(conn, period)
        closed = known is not None and known.state == "closed"
        outcome = await plan_adjustment(conn, known) if known and closed else await plan(conn, period, self._tried.take)
        if isinstance(outcome, Waiting):
            await _explain(conn, period, request["reason"], outcome.reason)
            return None
        if not isinstance(outcome, Plan):
            await requests.settle(conn, period)
            return None
        if request["failed_inputs"] == outcome.inputs.digest:
            self._failing[period] = request["requested_at"]
            return None
        failpoints.reach("allocator.run.planned")
        return await self._make(conn, outcome, request["reason"], started)

    async def _make(self, conn: AsyncConnection, work: Plan, reason: str, started: float) -> _Done:
        inputs = work.inputs
        try:
            if isinstance(work, TriedPlan):
                return await self._make_run(conn, work, work.lines, work.tag_sums, started)
            assert isinstance(work, NewPlan)
            lines = await asyncio.to_thread(allocate_assigned, work.assigned, inputs.drivers, work.earlier)
            if isinstance(work, AdjustmentPlan):
                return await make_adjustment(conn, self._prefix, work, lines, started)
            by_tag = await asyncio.to_thread(tag_sums, work.assigned.costs, inputs.loaded.rule_set)
            return await self._make_run(conn, work, lines, by_tag, started)
        except CannotDivide as error:
            await _explain(conn, inputs.billing_period, reason, str(error), inputs.digest)
            return None
        except ConservationBroken as error:
            raise RunNotConserved(f"{inputs.billing_period}: {error}") from error

    async def _make_run(
        self, conn: AsyncConnection, work: Plan, lines: Sequence[Line], by_tag: list[dict[str, str]], started: float
    ) -> AllocationRun:
        inputs = work.inputs
        loaded = inputs.loaded
        run_id = inputs.run_id(await allocations.times_run(conn, inputs.digest))
        totals = RunTotals(work.costs)
        writer = await LineWriter.of_run(conn, self._prefix, inputs, run_id)
        changed = await writer.write(lines, totals)
        failpoints.reach("allocator.run.lines-written")
        run = totals.record(inputs, run_id, changed, work.earlier)
        body = encode(run)
        seconds = time.monotonic() - started
        row = {"run_id": run_id, "billing_period": inputs.billing_period, "inputs": inputs.digest, "body": body}
        rule_ids = [rule.id for rule in loaded.rule_set.rules]
        await allocations.add_run(conn, row | {"seconds": round(seconds, 3)}, totals.rule_sums, rule_ids, by_tag)
        await enqueue(conn, STREAM_TABLES.outbox, [publishing.run(self._prefix, inputs.billing_period, run_id, body)])
        await requests.settle(conn, inputs.billing_period)
        if changed:
            await requests.add(conn, [month async for month in months_following(conn, inputs.billing_period)])
        failpoints.reach("allocator.run.written")
        return run


async def _explain(
    conn: AsyncConnection, period: str, before: str, reason: str, failed_inputs: str | None = None
) -> None:
    if reason != before or failed_inputs:
        await requests.explain(conn, period, reason, failed_inputs)
        log.warning("run waits", period=period, reason=reason)
