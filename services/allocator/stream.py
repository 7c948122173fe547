"""The hot path: cost events into the buckets of each lens.

Every lens is a stream of its own with its own consumer group, so a new lens reads the topic from the start beside the
old one. `LensKeeper` starts and stops these streams as the lens table says, in every process of the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.lens import Lens
from services.allocator.store import buckets, lenses, progress, records
from services.allocator.store.tables import COSTS
from shared import failpoints, topics
from shared.cost_stream import CostGroup, CostStream
from shared.database import try_lock_transaction
from shared.errors import RetryLater
from shared.observability import logger
from shared.service import Service
from shared.stream import Stream

_POLL_SECONDS = 0.2

log = logger(__name__)


class LensRetired(RetryLater):
    """The lens is no longer wanted; its stream is about to be stopped and must write nothing more."""

    def __init__(self, lens_id: str) -> None:
        super().__init__(f"{lens_id} is retired")


def cost_stream(lens: Lens) -> CostStream:
    """The handler that adds cost events to a lens's buckets, one statement per batch."""

    async def effect(conn: AsyncConnection, groups: Sequence[CostGroup]) -> None:
        if not await lenses.hold(conn, lens.lens_id):
            raise LensRetired(lens.lens_id)
        await buckets.add_costs(conn, lens.lens_id, groups)
        failpoints.reach("allocator.buckets-written")

    return CostStream(COSTS, lens.lens_id, lens.projection().compile(), effect)


class LensKeeper:
    """Runs a stream per lens, promotes a lens that has caught up, and clears away what it replaces."""

    def __init__(self, service: Service, batch_events: int) -> None:
        self._service, self._batch_events = service, batch_events
        self._running: dict[str, tuple[Stream, CostStream]] = {}

    async def run(self) -> None:
        """Follow the lens table until cancelled."""
        async with self._service.engine.begin() as conn:
            await lenses.ensure(conn, ())
        while True:
            async with self._service.engine.begin() as conn:
                rows = await lenses.listing(conn)
                await self._promote(conn, rows)
            await self._follow(rows)
            await asyncio.sleep(_POLL_SECONDS)

    async def replay(self, conn: AsyncConnection, record: Any) -> None:
        """Apply a dead letter to every lens."""
        for _, handler in self._running.values():
            await handler.replay(conn, record)

    async def _promote(self, conn: AsyncConnection, rows: Sequence[lenses.LensRow]) -> None:
        """Switch to a new lens once it agrees with every delivery that is known."""
        building = [row.lens for row in rows if row.state == "building"]
        if not building or not await try_lock_transaction(conn, "allocator", "lenses"):
            return
        newest = building[-1]
        if await progress.missing(conn, newest.lens_id, await records.all_deliveries(conn)) is None:
            await lenses.promote(conn, newest.lens_id)
            log.info("lens in use", lens=newest.lens_id, dimensions=newest.dimensions)

    async def _follow(self, rows: Sequence[lenses.LensRow]) -> None:
        wanted = {row.lens.lens_id: row.lens for row in rows if row.state != "retired"}
        for lens_id in [lens_id for lens_id in self._running if lens_id not in wanted]:
            await self._service.stop_stream(self._running.pop(lens_id)[0])
            log.info("lens stopped", lens=lens_id)
        for lens_id, lens in wanted.items():
            if lens_id not in self._running:
                await self._start(lens)
        for row in rows:
            if row.state == "retired":
                async with self._service.engine.begin() as conn:
                    await lenses.forget(conn, row.lens.lens_id)

    async def _start(self, lens: Lens) -> None:
        handler = cost_stream(lens)
        stream = self._service.add_stream(
            lens.lens_id, [topics.COSTS.name], handler, batch_records_max=self._batch_events, replay=self.replay
        )
        self._running[lens.lens_id] = stream, handler
        await self._service.start_stream(stream)
        log.info("lens started", lens=lens.lens_id, dimensions=lens.dimensions)
