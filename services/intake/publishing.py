"""From a finished plan to Kafka: events rendered a part at a time, packed into whole batches per partition.

While one part is on its way, the next is rendered and packed in a thread. Parts are acknowledged
in order, and the number of acknowledged parts is the checkpoint that an interrupted delivery goes on from.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.reading.body import PIECE
from services.intake.reading.columns import flat, framed, joined, without_nulls
from services.intake.reading.raw import TEXT
from services.intake.spool import Part, Spool
from services.intake.work import Work
from shared.publisher import Publisher, RecordTooLarge

KINDS: Final = {"rows": "charge", "retractions": "retraction"}
_PARTS_IN_FLIGHT: Final = 1
_ID_HEADER: Final = "ce_id"


class Rendered(NamedTuple):
    """The events of a part for one partition; sequences count up from the first one."""

    partition: int
    first_sequence: int
    values: list[bytes]


class PublishedPart(NamedTuple):
    """A part whose events are all acknowledged."""

    part: Part
    events: int


class _Packed(NamedTuple):
    """A part as batches of records, each with its partition, in the order to send them in."""

    part: Part
    events: int
    batches: list[tuple[int, Any]]


class CostPublisher:
    """Publishes the events of deliveries."""

    def __init__(self, publisher: Publisher, topic: str) -> None:
        self._publisher, self._topic = publisher, topic

    async def publish(
        self, delivery_id: str, spool: Spool, work: Work, parts: Sequence[Part]
    ) -> AsyncGenerator[PublishedPart]:
        """Publish parts in order; each is given back when it is acknowledged. Resending some of them is harmless."""
        flying: deque[tuple[_Packed, list[asyncio.Future[Any]]]] = deque()
        async for packed in self._packed(delivery_id, spool, work, parts):
            flying.append((packed, await self._send(packed)))
            if len(flying) > _PARTS_IN_FLIGHT:
                yield await _landed(*flying.popleft())
        while flying:
            yield await _landed(*flying.popleft())

    async def _packed(
        self, delivery_id: str, spool: Spool, work: Work, parts: Sequence[Part]
    ) -> AsyncGenerator[_Packed]:
        """Pack each part in a thread while the one before is sent."""
        packed = self._pack(delivery_id, spool, work, parts)
        ahead = asyncio.create_task(asyncio.to_thread(next, packed, None))
        while (one := await ahead) is not None:
            ahead = asyncio.create_task(asyncio.to_thread(next, packed, None))
            yield one

    async def _send(self, packed: _Packed) -> list[asyncio.Future[Any]]:
        send = self._publisher.producer.send_batch
        return [await send(batch, self._topic, partition=partition) for partition, batch in packed.batches]

    def _pack(self, delivery_id: str, spool: Spool, work: Work, parts: Sequence[Part]) -> Iterator[_Packed]:
        for part, planned in work.planned(parts):
            if planned.column("sequence").null_count == part.rows:
                yield _Packed(part, 0, [])
                continue
            events, queues = 0, []
            for rendered in render(delivery_id, KINDS[part.kind], spool.read_events(part), planned):
                events += len(rendered.values)
                queues.append([(rendered.partition, batch) for batch in self._batches(delivery_id, rendered)])
            turns = (one for turn in zip_longest(*queues) for one in turn if one is not None)
            yield _Packed(part, events, list(turns))

    def _batches(self, delivery_id: str, events: Rendered) -> list[Any]:
        """Fill batches with events; their only header `ce_id` is delivery/partition/sequence."""
        create = self._publisher.producer.create_batch
        prefix = f"{delivery_id}/{events.partition}/".encode()
        now_ms = int(time.time() * 1_000)
        batch = create()
        batches = [batch]
        for sequence, value in enumerate(events.values, events.first_sequence):
            headers = [(_ID_HEADER, b"%b%d" % (prefix, sequence))]
            if batch.append(key=None, value=value, timestamp=now_ms, headers=headers) is None:
                batch = create()
                batches.append(batch)
                if batch.append(key=None, value=value, timestamp=now_ms, headers=headers) is None:
                    raise RecordTooLarge(self._topic, prefix + str(sequence).encode(), len(value))
        return batches


def render(delivery_id: str, kind: str, rows: pa.Table, planned: pa.Table) -> Iterator[Rendered]:
    """Write the events of a part, per partition in the order of their sequences. Rows without a sequence are none."""
    table = rows.append_column("sequence", planned.column("sequence"))
    if "occurrence" not in table.column_names:
        table = table.append_column("occurrence", planned.column("occurrence"))
    if table.column("sequence").null_count:
        table = table.filter(pc.is_valid(table.column("sequence")))
    values = _events(delivery_id, kind, table.combine_chunks()).cast(pa.binary()).to_pylist()
    first = 0
    for partition, count in _runs(table.column("partition")):
        yield Rendered(partition, table.column("sequence")[first].as_py(), values[first : first + count])
        first += count


def _runs(partitions: pa.ChunkedArray) -> list[tuple[int, int]]:
    """(partition, rows) of a part's rows, which stand together by partition."""
    return [(one["values"], one["counts"]) for one in pc.value_counts(partitions).to_pylist()]


def _events(delivery_id: str, kind: str, table: pa.Table) -> pa.Array:
    def text(name: str) -> pa.Array:
        return flat(table.column(name)).cast(pa.string())

    flags = flat(table.column("flags")) if "flags" in table.column_names else pa.nulls(table.num_rows, TEXT)
    return joined([
        f'{{"delivery_id":"{delivery_id}","partition":', text("partition"), ',"sequence":', text("sequence"),
        f',"kind":"{kind}","billing_period":"', text("billing_period"), '","charge_day":"', text("charge_day"),
        '","row_hash":"', text("row_hash"), '","occurrence":', text("occurrence"), ",",
        without_nulls(framed('"flags":', flags, ",")),
        *(flat(table.column(name)) for name in sorted(table.column_names) if name.startswith(PIECE)), "}",
    ])  # fmt: skip


async def _landed(packed: _Packed, futures: list[asyncio.Future[Any]]) -> PublishedPart:
    await asyncio.gather(*futures)
    return PublishedPart(packed.part, packed.events)
