"""From a finished plan to Kafka: events rendered a part at a time, packed into whole batches per partition.

While one part is on its way, the next is rendered and packed in a thread. Parts are acknowledged
in order, and the number of acknowledged parts is the checkpoint that an interrupted delivery goes on from.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.reading.body import PIECE
from services.intake.reading.columns import TEXT, flat, framed, joined, without_nulls
from services.intake.spool import Part, Spool
from services.intake.work import Work
from shared.publisher import BATCH_BYTES_MAX, Publisher
from shared.record_batches import RecordBatch

KINDS: Final = {"rows": "charge", "retractions": "retraction"}
_PARTS_IN_FLIGHT: Final = 1
_RENDERED_AT_ONCE: Final = 2_048
"""What fits into the processor's cache is written almost twice as fast."""

_ID_HEADER: Final = "ce_id"


class Rendered(NamedTuple):
    """Some events of a part for one partition, and what tells them apart: delivery/partition/sequence."""

    partition: int
    values: pa.BinaryArray
    ids: pa.BinaryArray


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
            events, queues = 0, defaultdict[int, list[RecordBatch]](list)
            for rendered in render(delivery_id, KINDS[part.kind], spool.read_events(part), planned):
                events += len(rendered.values)
                self._fill(queues[rendered.partition], rendered)
            queued = ([(partition, batch) for batch in batches] for partition, batches in queues.items())
            turns = (one for turn in zip_longest(*queued) for one in turn if one is not None)
            yield _Packed(part, events, list(turns))

    def _fill(self, batches: list[RecordBatch], events: Rendered) -> None:
        """Add events to a partition's batches."""
        values, ids = events.values, events.ids
        now_ms = int(time.time() * 1_000)
        while len(values):
            taken = batches[-1].extend(values, ids) if batches else 0
            values, ids = values[taken:], ids[taken:]
            if len(values):
                batches.append(RecordBatch(BATCH_BYTES_MAX, _ID_HEADER, now_ms))


def render(delivery_id: str, kind: str, rows: pa.Table, planned: pa.Table) -> Iterator[Rendered]:
    """Write the events of a part, partition by partition in the order of their sequences, some at a time.

    Rows without a sequence are none.
    """
    table = rows.append_column("sequence", planned.column("sequence"))
    if "occurrence" not in table.column_names:
        table = table.append_column("occurrence", planned.column("occurrence"))
    if table.column("sequence").null_count:
        table = table.filter(pc.is_valid(table.column("sequence")))
    table = table.sort_by("partition").combine_chunks()  # keeps the order of a partition's rows
    for start in range(0, table.num_rows, _RENDERED_AT_ONCE):
        some = table.slice(start, _RENDERED_AT_ONCE)
        values, ids = _events(delivery_id, kind, some), _ids(delivery_id, some)
        first = 0
        for partition, count in _runs(some.column("partition")):
            yield Rendered(partition, values.slice(first, count), ids.slice(first, count))
            first += count


def _runs(partitions: pa.ChunkedArray) -> list[tuple[int, int]]:
    """(partition, rows) of rows that stand together by partition."""
    return [(one["values"], one["counts"]) for one in pc.value_counts(partitions).to_pylist()]


def _events(delivery_id: str, kind: str, table: pa.Table) -> pa.BinaryArray:
    def text(name: str) -> pa.Array:
        return flat(table.column(name)).cast(pa.string())

    flags = flat(table.column("flags")) if "flags" in table.column_names else pa.nulls(table.num_rows, TEXT)
    written = joined([
        f'{{"delivery_id":"{delivery_id}","partition":', text("partition"), ',"sequence":', text("sequence"),
        f',"kind":"{kind}","billing_period":"', text("billing_period"), '","charge_day":"', text("charge_day"),
        '","row_hash":"', text("row_hash"), '","occurrence":', text("occurrence"), ",",
        without_nulls(framed('"flags":', flags, ",")),
        *(flat(table.column(name)) for name in sorted(table.column_names) if name.startswith(PIECE)), "}",
    ])  # fmt: skip
    return written.cast(pa.binary())


def _ids(delivery_id: str, table: pa.Table) -> pa.BinaryArray:
    partition, sequence = (flat(table.column(name)).cast(pa.string()) for name in ("partition", "sequence"))
    return pc.binary_join_element_wise(delivery_id, partition, sequence, "/").cast(pa.binary())


async def _landed(packed: _Packed, futures: list[asyncio.Future[Any]]) -> PublishedPart:
    await asyncio.gather(*futures)
    return PublishedPart(packed.part, packed.events)
