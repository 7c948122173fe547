"""Consuming cost events exactly once: sequences checked, sums kept per delivery, amounts added up per key.

Every delivery numbers its events densely per partition. A consumer keeps the next expected number in the transaction
of its effects: a lower one is a replay and is skipped, a higher one means that a record is missing, and the partition
stops there. State is one row per (delivery, partition), however many events there were.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Integer, MetaData, Numeric, Table, Text, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.batch import Batch
from shared.errors import Fenced
from shared.money import CONTEXT, DIGITS_MAX, SCALE
from shared.observability import logger
from shared.projection import CompiledProjection, Key
from shared.stream import Record

Sums = dict[Key, list[Any]]
"""Key -> [billed cost, effective cost, events]."""

_EVENT_ID = re.compile(rb"(?P<delivery>[^/]+)/(?P<partition>\d+)/(?P<sequence>\d+)")
_NOTHING = Decimal(0)

log = logger(__name__)


@dataclass(slots=True)
class CostGroup:
    """Accepted events of one partition and delivery, added up per projected key."""

    partition: int
    delivery_id: str
    expected: int
    next_sequence: int
    sums: Sums = field(default_factory=dict)


Effect = Callable[[AsyncConnection, list[CostGroup]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CostTables:
    """Progress and control sums of a service's cost streams."""

    progress: Table
    sums: Table


def cost_tables(tables: MetaData) -> CostTables:
    """Declare them in the service's schema; `stream` tells several projections of one service apart."""
    amount = Numeric(DIGITS_MAX, SCALE)
    progress = Table(
        "delivery_progress",
        tables,
        Column("stream", Text, primary_key=True),
        Column("delivery_id", Text, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("next_sequence", BigInteger, nullable=False),
    )
    sums = Table(
        "delivery_sums",
        tables,
        Column("stream", Text, primary_key=True),
        Column("delivery_id", Text, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("billing_period", Text, primary_key=True),
        Column("currency", Text, primary_key=True),
        Column("events", BigInteger, nullable=False),
        Column("billed_cost", amount, nullable=False),
        Column("effective_cost", amount, nullable=False),
    )
    return CostTables(progress, sums)


class GapInDelivery(Exception):
    """A sequence number is missing: a record of the delivery is lost or was removed."""

    def __init__(self, delivery_id: str, partition: int, expected: int, got: int) -> None:
        self.delivery_id, self.partition, self.expected, self.got = delivery_id, partition, expected, got
        super().__init__(
            f"delivery {delivery_id}, partition {partition}: expected sequence {expected}, got {got}; "
            f"{got - expected} event(s) are missing from the topic"
        )


class CostStream:
    """The handler of a stream of cost events.

    Args:
        name: tells this projection's progress apart from others of the service.
        projection: what the consumer keeps of an event.
        effect: writes the sums of a batch; called with at least one group, in the batch's transaction.
    """

    def __init__(self, tables: CostTables, name: str, projection: CompiledProjection, effect: Effect) -> None:
        self._tables, self._name, self._projection, self._effect = tables, name, projection, effect

    async def __call__(self, conn: AsyncConnection, batch: Batch) -> None:
        """Handle one batch; arithmetic is exact or raises."""
        with decimal.localcontext(CONTEXT):
            runs = self._runs(batch)
            if not runs:
                return
            expected = await self._expected(conn, runs)
            groups = [group for run in runs if (group := self._accept(batch, run, expected)) is not None]
            if groups:
                merged = _merge(groups)
                await self._advance(conn, merged)
                await self._add_sums(conn, merged)
                with_cost = [group for group in merged if group.sums]
                if with_cost:
                    await self._effect(conn, with_cost)

    async def replay(self, conn: AsyncConnection, record: Record) -> None:
        """Apply a dead letter once more; its sequence was passed when it was refused.

        Raises:
            msgspec.DecodeError: if the bytes still are no cost event.
        """
        with decimal.localcontext(CONTEXT):
            event = self._projection.decode(record.value or b"")
            group = CostGroup(record.partition, event.delivery_id, 0, 0)
            _add(group.sums, [event], self._projection)
            await self._add_sums(conn, [group])
            await self._effect(conn, [group])

    def _runs(self, batch: Batch) -> list[_Run]:
        """Decode, and cut the batch into stretches of one partition and delivery."""
        runs = []
        for partition, stretch in groupby(batch.records, key=attrgetter("partition")):
            records = list(stretch)
            events = self._decode(batch, partition, records)
            start = 0
            for delivery_id, same in groupby(events, key=attrgetter("delivery_id")):
                end = start + sum(1 for _ in same)
                runs.append(_Run(partition, delivery_id, events[start:end], records[start:end]))
                start = end
        return runs

    def _decode(self, batch: Batch, partition: int, records: list[Record]) -> list[Any]:
        """Decode one partition's records; drops from `records` what has no place in the sequence."""
        decode = self._projection.decode
        try:
            events = [decode(record.value) for record in records]
            if all(event.partition == partition for event in events):
                return events
        except (msgspec.DecodeError, decimal.InvalidOperation, TypeError):
            log.warning("batch has records that are no cost events", partition=partition)
        return self._decode_one_by_one(batch, partition, records)

    def _decode_one_by_one(self, batch: Batch, partition: int, records: list[Record]) -> list[Any]:
        events, kept = [], []
        for record in records:
            try:
                event = self._projection.decode(record.value or b"")
            except (msgspec.DecodeError, decimal.InvalidOperation) as error:
                number = _number_by_header(record)
                if number is None:
                    batch.stop_at(record, f"undecodable cost event without ce_id at offset {record.offset}: {error}")
                    break
                event = number
                batch.reject(record, "not-a-cost-event", f"cost event {number}: {error}")
            if event.partition != partition:
                batch.reject(record, "wrong-partition", f"event of partition {event.partition} came on {partition}")
                continue
            events.append(event)
            kept.append(record)
        records[:] = kept
        return events

    async def _expected(self, conn: AsyncConnection, runs: Sequence[_Run]) -> dict[tuple[int, str], int]:
        progress = self._tables.progress
        pairs = {(run.partition, run.delivery_id) for run in runs}
        rows = await conn.execute(
            select(progress.c.partition, progress.c.delivery_id, progress.c.next_sequence)
            .where(progress.c.stream == self._name)
            .where(tuple_(progress.c.partition, progress.c.delivery_id).in_(sorted(pairs)))
        )
        return dict.fromkeys(pairs, 0) | {(row.partition, row.delivery_id): row.next_sequence for row in rows}

    def _accept(self, batch: Batch, run: _Run, expected: dict[tuple[int, str], int]) -> CostGroup | None:
        """Take the events whose turn it is; replays are skipped, a gap stops the partition."""
        place = (run.partition, run.delivery_id)
        number = first = expected[place]
        if any(stopped.partition == run.partition for stopped in batch.stopped):
            return None
        accepted = []
        for event, record in zip(run.events, run.records, strict=True):
            if event.sequence == number:
                number += 1
                accepted.append(event)
            elif event.sequence > number:
                batch.stop_at(record, str(GapInDelivery(run.delivery_id, run.partition, number, event.sequence)))
                break
        if number == first:
            return None
        expected[place] = number
        group = CostGroup(run.partition, run.delivery_id, first, number)
        _add(group.sums, [event for event in accepted if type(event) is not _Unreadable], self._projection)
        return group

    async def _advance(self, conn: AsyncConnection, groups: Sequence[CostGroup]) -> None:
        progress = self._tables.progress.fullname
        advanced = await conn.execute(
            text(
                f"UPDATE {progress} AS p SET next_sequence = v.next FROM unnest(CAST(:ids AS text[]), "  # noqa: S608
                "CAST(:partitions AS int[]), CAST(:expected AS bigint[]), CAST(:next AS bigint[])) "
                "AS v(delivery_id, partition, expected, next) WHERE p.stream = :stream AND "
                "p.delivery_id = v.delivery_id AND p.partition = v.partition AND p.next_sequence = v.expected"
            ),
            self._columns([group for group in groups if group.expected]),
        )
        started = await conn.execute(
            text(
                f"INSERT INTO {progress} (stream, delivery_id, partition, next_sequence) "  # noqa: S608
                "SELECT :stream, v.delivery_id, v.partition, v.next FROM unnest(CAST(:ids AS text[]), "
                "CAST(:partitions AS int[]), CAST(:expected AS bigint[]), CAST(:next AS bigint[])) "
                "AS v(delivery_id, partition, expected, next) ON CONFLICT DO NOTHING"
            ),
            self._columns([group for group in groups if not group.expected]),
        )
        if advanced.rowcount + started.rowcount != len(groups):
            raise Fenced("the sequence of a delivery")

    def _columns(self, groups: Sequence[CostGroup]) -> dict[str, Any]:
        return {
            "stream": self._name,
            "ids": [group.delivery_id for group in groups],
            "partitions": [group.partition for group in groups],
            "expected": [group.expected for group in groups],
            "next": [group.next_sequence for group in groups],
        }

    async def _add_sums(self, conn: AsyncConnection, groups: Sequence[CostGroup]) -> None:
        rows = [row for group in groups for row in _control_sums(group)]
        if not rows:
            return
        sums = self._tables.sums.fullname
        names = ("ids", "partitions", "periods", "currencies", "events", "billed", "effective")
        await conn.execute(
            text(
                f"INSERT INTO {sums} AS s (stream, delivery_id, partition, billing_period, currency, events, "  # noqa: S608
                "billed_cost, effective_cost) SELECT :stream, * FROM unnest(CAST(:ids AS text[]), "
                "CAST(:partitions AS int[]), CAST(:periods AS text[]), CAST(:currencies AS text[]), "
                "CAST(:events AS bigint[]), CAST(:billed AS numeric[]), CAST(:effective AS numeric[])) "
                "ON CONFLICT (stream, delivery_id, partition, billing_period, currency) DO UPDATE SET "
                "events = s.events + excluded.events, billed_cost = s.billed_cost + excluded.billed_cost, "
                "effective_cost = s.effective_cost + excluded.effective_cost"
            ),
            {"stream": self._name} | dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)),
        )


class _Unreadable(NamedTuple):
    """Stands for an event whose value can't be read: it takes its number, and the value is a dead letter."""

    delivery_id: str
    partition: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.delivery_id}/{self.partition}/{self.sequence}"


class _Run(NamedTuple):
    partition: int
    delivery_id: str
    events: list[Any]
    records: list[Record]


def _add(sums: Sums, events: Sequence[Any], projection: CompiledProjection) -> None:
    """Add events to the sums of their keys: the innermost loop of the system."""
    key_of = projection.key
    for event in events:
        charge = event.charge
        key = key_of(event)
        found = sums.get(key)
        if found is None:
            sums[key] = [charge.BilledCost, charge.EffectiveCost, 1]
        else:
            found[0] += charge.BilledCost
            found[1] += charge.EffectiveCost
            found[2] += 1


def _merge(groups: Sequence[CostGroup]) -> list[CostGroup]:
    """Join the stretches of one partition and delivery that a batch may hold several of."""
    merged: dict[tuple[int, str], CostGroup] = {}
    for group in groups:
        before = merged.setdefault((group.partition, group.delivery_id), group)
        if before is group:
            continue
        before.next_sequence = group.next_sequence
        for key, (billed, effective, events) in group.sums.items():
            found = before.sums.setdefault(key, [_NOTHING, _NOTHING, 0])
            found[0] += billed
            found[1] += effective
            found[2] += events
    return [merged[place] for place in sorted(merged)]


def _control_sums(group: CostGroup) -> list[tuple[Any, ...]]:
    by_currency: Sums = {}
    for key, (billed, effective, events) in group.sums.items():
        found = by_currency.setdefault(key[:2], [_NOTHING, _NOTHING, 0])
        found[0] += billed
        found[1] += effective
        found[2] += events
    return [
        (group.delivery_id, group.partition, period, currency, events, billed, effective)
        for (period, currency), (billed, effective, events) in sorted(by_currency.items())
    ]


def _number_by_header(record: Record) -> _Unreadable | None:
    """Delivery, partition and sequence from `ce_id`, for an event whose value can't be read."""
    match = next((_EVENT_ID.fullmatch(value) for name, value in record.headers if name == "ce_id"), None)
    if match is None:
        return None
    return _Unreadable(match["delivery"].decode(), int(match["partition"]), int(match["sequence"]))
