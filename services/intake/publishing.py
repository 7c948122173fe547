"""From a finished plan to Kafka: events rendered a part at a time, packed into whole batches per partition.

While one part is on its way, the next is rendered in a thread. Parts are acknowledged in order, and the number of
acknowledged parts is the checkpoint that an interrupted delivery goes on from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.spool import EVENT_COLUMNS, Part, Spool
from services.intake.work import Work
from shared.publisher import Publisher, RecordTooLarge, cloud_event_headers

_EVENT_TYPE: Final = "finops.cost.v1"
KINDS: Final = {"rows": "charge", "retractions": "retraction"}
_PARTS_IN_FLIGHT: Final = 2
_ID_HEADER: Final = "ce_id"
_COMMON_HEADERS: Final = [
    header for header in cloud_event_headers(_EVENT_TYPE, "", "intake") if header[0] != _ID_HEADER
]


class Rendered(NamedTuple):
    """The events of a part for one partition; sequences count up from the first one."""

    partition: int
    first_sequence: int
    values: list[bytes]


class PublishedPart(NamedTuple):
    """A part whose events are all acknowledged."""

    part: Part
    events: int


class CostPublisher:
    """Publishes the events of one delivery."""

    def __init__(self, publisher: Publisher, topic: str, delivery_id: str) -> None:
        self._publisher, self._topic, self._delivery_id = publisher, topic, delivery_id

    async def publish(self, spool: Spool, work: Work, parts: Sequence[Part]) -> AsyncGenerator[PublishedPart]:
        """Publish parts in order; each is given back when it is acknowledged. Resending some of them is harmless."""
        flying: list[tuple[Part, int, list[asyncio.Future[Any]]]] = []
        for part in parts:
            rendered = await asyncio.to_thread(self._render, spool, work, part)
            flying.append((part, sum(len(one.values) for one in rendered), await self._send(rendered)))
            if len(flying) >= _PARTS_IN_FLIGHT:
                yield await _landed(*flying.pop(0))
        for one in flying:
            yield await _landed(*one)

    def _render(self, spool: Spool, work: Work, part: Part) -> list[Rendered]:
        return list(
            render(
                self._delivery_id, KINDS[part.kind], spool.read_part(part, EVENT_COLUMNS[part.kind]), work.planned(part)
            )
        )

    async def _send(self, rendered: list[Rendered]) -> list[asyncio.Future[Any]]:
        waiting = await asyncio.gather(*(self._send_partition(one) for one in rendered))
        return [future for futures in waiting for future in futures]

    async def _send_partition(self, events: Rendered) -> list[asyncio.Future[Any]]:
        batches = await asyncio.to_thread(self._pack, events)
        return [
            await self._publisher.producer.send_batch(batch, self._topic, partition=events.partition)
            for batch in batches
        ]

    def _pack(self, events: Rendered) -> list[Any]:
        """Fill batches with events and their CloudEvents headers: `ce_id` is delivery/partition/sequence."""
        create, batches = self._publisher.producer.create_batch, []
        prefix = f"{self._delivery_id}/{events.partition}/".encode()
        now_ms = int(time.time() * 1_000)
        batch = create()
        batches.append(batch)
        for sequence, value in enumerate(events.values, events.first_sequence):
            headers = [*_COMMON_HEADERS, (_ID_HEADER, b"%b%d" % (prefix, sequence))]
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
    first = 0
    for partition, rows_of_it in _runs(table.column("partition")):
        chosen = table.slice(first, rows_of_it)
        first += rows_of_it
        events = _events(f'{{"delivery_id":"{delivery_id}","partition":{partition},"sequence":', kind, chosen)
        yield Rendered(partition, chosen.column("sequence")[0].as_py(), events.cast(pa.binary()).to_pylist())


def _runs(partitions: pa.ChunkedArray) -> list[tuple[int, int]]:
    """(partition, rows) of a part's rows, which stand together by partition."""
    return [(one["values"], one["counts"]) for one in pc.value_counts(partitions).to_pylist()]


def _events(opening: str, kind: str, rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(
        opening, rows.column("sequence").cast(pa.string()),
        f',"kind":"{kind}","billing_period":"', rows.column("billing_period").cast(pa.string()),
        '","charge_day":"', rows.column("charge_day").cast(pa.string()),
        '","row_hash":"', rows.column("row_hash"),
        '","occurrence":', rows.column("occurrence").cast(pa.string()),
        ",", rows.column("body"), "}", "",
    )  # fmt: skip


async def _landed(part: Part, events: int, futures: list[asyncio.Future[Any]]) -> PublishedPart:
    await asyncio.gather(*futures)
    return PublishedPart(part, events)
