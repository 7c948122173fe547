"""All files of an issued batch: the tables of the whole, and each document's own, written by a few processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from services.chargeback.files.documents import write_documents
from services.chargeback.files.spool import Chunk, Spool
from services.chargeback.files.tables import write_tables
from shared.events import InvoiceRun
from shared.money import minor_text, text

FORMAT: Final = "apportion-invoices/1"
REVISION: Final = 1
_SMALL_BATCH_CHUNKS: Final = 1
_PARENT_POLL_SECONDS: Final = 0.5


def folder_of(billing_period: str) -> str:
    """Where a period's batch is published, relative to the directory of published files."""
    return f"{billing_period}/invoices-r{REVISION}"


def about(run: InvoiceRun) -> dict[str, object]:
    """What the manifest says about the batch; nothing that differs between a disturbed and an undisturbed run."""
    return {
        "format": FORMAT,
        "billing_period": run.billing_period,
        "revision": REVISION,
        "supersedes": None,
        "prepared_by": run.prepared_by,
        "approved_by": run.approved_by,
        "totals": [
            {
                "currency": total.currency,
                "documents": total.documents,
                "lines": total.lines,
                "invoiced": minor_text(total.invoiced, total.currency),
                "allocated": text(total.allocated),
                "rounding": text(total.rounding),
            }
            for total in run.totals
        ],
    }


def write_batch(folder: Path, spool: Spool, workers: int) -> None:
    """Write every file of the batch into a folder. Blocking; a batch of one chunk needs no other process."""
    chunks = spool.chunks()
    if len(chunks) <= _SMALL_BATCH_CHUNKS:
        _tables(folder, spool.whole())
        for chunk in chunks:
            _documents(folder, chunk)
        return
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent, initargs=(os.getpid(),)
    ) as pool:
        work = [pool.submit(_tables, folder, spool.whole()), *(pool.submit(_documents, folder, c) for c in chunks)]
        for done in work:
            done.result()


def _tables(folder: Path, chunk: Chunk) -> None:
    write_tables(folder, chunk.documents())


def _documents(folder: Path, chunk: Chunk) -> None:
    write_documents(folder, chunk.documents())


def _end_with_parent(parent: int) -> None:
    """A killed service must not leave processes behind that still write."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
