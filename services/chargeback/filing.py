"""Publishing the files of issued batches: steps 2 and 3 of an issue (see `issuing`), resumable."""

from __future__ import annotations

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.chargeback.files.batch import about, folder_of, write_batch
from services.chargeback.files.spool import Spool
from services.chargeback.metrics import FILE_SECONDS
from services.chargeback.publishing import run_record
from services.chargeback.store import invoices
from services.chargeback.store.tables import outbox
from shared import failpoints
from shared.database import try_lock_transaction
from shared.events import InvoiceRun
from shared.outbox import enqueue
from shared.publication import publish


class Filing:
    """Writes the files of an issued period below `files_dir` and then tells the world that it is issued."""

    def __init__(self, engine: AsyncEngine, prefix: str, files_dir: Path, workers: int) -> None:
        self._engine, self._prefix, self._files_dir, self._workers = engine, prefix, files_dir, workers

    def folder(self, billing_period: str) -> Path:
        """Where a period's batch is, or will be."""
        return self._files_dir / folder_of(billing_period)

    async def publish(self, billing_period: str) -> InvoiceRun | None:
        """Publish an issued period's files if that is not done, under the period's lock; returns the finished run.

        Raises:
            PublishedDifferently: other files are there already. Nothing is overwritten, and the period waits.
        """
        async with self._engine.begin() as conn:
            if not await try_lock_transaction(conn, "chargeback", "period", billing_period):
                return None
            run = await invoices.run(conn, billing_period)
            if run is None or run.status != "issued" or run.files is not None:
                return None
            await self._write(conn, run)
            failpoints.reach("chargeback.files-published")
            finished = msgspec.structs.replace(run, files=folder_of(billing_period))
            await invoices.keep_run(conn, finished)
            await enqueue(conn, outbox, [run_record(self._prefix, finished)])
        failpoints.reach("chargeback.files-recorded")
        return finished

    async def _write(self, conn: AsyncConnection, run: InvoiceRun) -> None:
        started = time.monotonic()
        with tempfile.NamedTemporaryFile(prefix="invoices-", suffix=".jsonl") as file:
            spool = Spool(file)
            async for chunk in invoices.stream_documents(conn, run.billing_period):
                spool.write(chunk)
            write = partial(_write_all, spool=spool, workers=self._workers)
            await asyncio.to_thread(publish, self.folder(run.billing_period), about(run), write)
        FILE_SECONDS.observe(time.monotonic() - started)


def _write_all(folder: Path, *, spool: Spool, workers: int) -> None:
    write_batch(folder, spool, workers)
    failpoints.reach("chargeback.files-written")
