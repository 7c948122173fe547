"""The archive: what was received, byte for byte, and what it means, as Parquet. Nothing in it ever changes.

    <data>/archive/files/<first two digits>/<sha256>      received bytes
    <data>/archive/rows/<delivery id>/<period>.parquet    normalised rows; taken over ones first, else as in the files
    <data>/archive/deliveries/<delivery id>.json          what it put in force, see shared/archive.py
    <data>/spool/<delivery id>/                           a delivery in work; removed when it is complete

The rows have every column of FOCUS 1.4 (costs, prices and quantities as DECIMAL(38,18), the rest as text), `custom`
(the `x_` columns as a JSON object), `row_hash`, `occurrence`, `billing_period`, `charge_day` and `flags` (JSON);
`identity` is the hash of the row as it was delivered, where an appending source's tags were normalised; `line` is the
hash of the record that the row was read from, see `reading/lines.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.intake.domain.delivery import ArchivedFile
from services.intake.reading.columns import TEXT
from services.intake.reading.lines import LINE, LINE_HASH
from services.intake.reading.normalise import AMOUNT
from shared import archive as in_force
from shared.archive import ArchivedDelivery, RowsInForce
from shared.focus import CANONICAL

ROWS: Final = pa.schema(
    [
        *((column.name, AMOUNT if column.type == "decimal" else TEXT) for column in CANONICAL),
        ("custom", TEXT), ("row_hash", pa.string()), ("occurrence", pa.int32()), ("billing_period", TEXT),
        ("charge_day", TEXT), ("identity", pa.string()), ("flags", TEXT), (LINE, LINE_HASH),
    ]
)  # fmt: skip
_DICTIONARIES: Final = [field.name for field in ROWS if pa.types.is_dictionary(field.type)]
_STATISTICS: Final = ["BillingAccountId", "SubAccountId", "ServiceName", "charge_day"]
"""What people ask the archive by. Statistics of every column would double the time that writing takes."""

_WRITE_BYTES: Final = 1 << 20
_GROUP_ROWS: Final = 30_000


class Archive:
    """One directory that intake alone writes to."""

    def __init__(self, data_dir: Path) -> None:
        self._files, self._rows = data_dir / "archive" / "files", data_dir / "archive" / "rows"
        self._spool, self._root = data_dir / "spool", data_dir / "archive"
        for directory in (self._files, self._rows, self._spool):
            directory.mkdir(parents=True, exist_ok=True)

    def file(self, sha256: str) -> Path:
        """Where received bytes are; they may not be there."""
        return self._files / sha256[:2] / sha256

    def has_file(self, sha256: str) -> bool:
        """Whether bytes with this hash were received."""
        return self.file(sha256).is_file()

    def rows(self, delivery_id: str, billing_period: str) -> Path:
        """Where a delivery's rows of one period are."""
        return self._rows / delivery_id / f"{billing_period}.parquet"

    def has_rows(self, delivery_id: str) -> bool:
        """Whether all rows of a delivery are archived."""
        return (self._rows / delivery_id).is_dir()

    def rows_in_force(self, held: Iterable[tuple[str, str, tuple[str, ...]]]) -> list[RowsInForce]:
        """Where the rows are that hold: of (delivery id, billing period, payers)."""
        return [RowsInForce(self.rows(delivery_id, period), payers) for delivery_id, period, payers in held]

    def put_in_force(self, delivery: ArchivedDelivery) -> None:
        """Note what a delivery puts in force, for those who read the archive without a database."""
        in_force.keep(self._root, delivery)

    def says_what_is_in_force(self, delivery_id: str) -> bool:
        """Whether that is noted of a delivery."""
        return in_force.has(self._root, delivery_id)

    def spool(self, delivery_id: str) -> Path:
        """Where a delivery is worked on."""
        return self._spool / delivery_id

    async def receive(self, name: str, stream: AsyncIterator[bytes]) -> ArchivedFile:
        """Keep a stream of bytes under its hash. Bytes that are known already are not kept twice."""
        with tempfile.NamedTemporaryFile(dir=self._files, prefix=".receiving-") as file:
            digest, size, pending = hashlib.sha256(), 0, bytearray()
            async for block in stream:
                pending += block
                if len(pending) >= _WRITE_BYTES:
                    size += await asyncio.to_thread(_take, file, digest, bytes(pending))
                    pending.clear()
            size += await asyncio.to_thread(_take, file, digest, bytes(pending))
            archived = ArchivedFile(name, digest.hexdigest(), size)
            await asyncio.to_thread(_keep, file, self.file(archived.sha256))
        return archived

    @contextlib.contextmanager
    def row_writer(self, delivery_id: str) -> Iterator[RowWriter]:
        """Write a delivery's rows; they appear all at once. What an interrupted attempt left is replaced."""
        target = self._rows / delivery_id
        partial = self._rows / f".{delivery_id}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        writer = RowWriter(partial)
        try:
            yield writer
        finally:
            writer.close()
        for path in (*partial.iterdir(), partial):
            sync(path)
        partial.rename(target)
        sync(self._rows)

    def spools(self) -> list[str]:
        """The deliveries that have a working directory."""
        return sorted(path.name for path in self._spool.iterdir())

    def forget_spool(self, delivery_id: str) -> None:
        """Remove the working directory of a delivery."""
        shutil.rmtree(self.spool(delivery_id), ignore_errors=True)


class RowWriter:
    """One Parquet file per billing period, opened when its first rows come; row groups of about `_GROUP_ROWS`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {}

    def write(self, rows: pa.Table, occurrence: pa.ChunkedArray) -> None:
        """Add rows; columns that the file did not have are null."""
        table = _complete(rows.append_column("occurrence", occurrence))
        periods = pc.unique(table.column("billing_period").cast(pa.string())).to_pylist()  # dictionaries may repeat
        for period in periods:
            part = table if len(periods) == 1 else table.filter(pc.equal(table.column("billing_period"), period))
            self._waiting.setdefault(period, []).append(part)
            if sum(one.num_rows for one in self._waiting[period]) >= _GROUP_ROWS:
                self._write_group(period)

    def close(self) -> None:
        """Write what waits, and finish all files."""
        for period in list(self._waiting):
            self._write_group(period)
        for writer in self._writers.values():
            writer.close()

    def _write_group(self, period: str) -> None:
        group = pa.concat_tables(self._waiting.pop(period)).unify_dictionaries()
        if period not in self._writers:
            path = self._directory / f"{period}.parquet"
            self._writers[period] = pq.ParquetWriter(
                path, ROWS, compression="snappy", use_dictionary=_DICTIONARIES, write_statistics=_STATISTICS
            )
        self._writers[period].write_table(group, row_group_size=group.num_rows)


def sync(path: Path) -> None:
    """Make a file's bytes, or a directory's entries, survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _complete(rows: pa.Table) -> pa.Table:
    absent = {kind: pa.nulls(rows.num_rows, kind) for kind in set(ROWS.types)}
    held = set(rows.column_names)
    columns = [rows.column(field.name) if field.name in held else absent[field.type] for field in ROWS]
    return pa.table(columns, schema=ROWS)


def _take(file: Any, digest: Any, block: bytes) -> int:
    digest.update(block)
    return int(file.write(block))


def _keep(file: Any, target: Path) -> None:
    """Give received bytes their final name, once they are safely on disk."""
    file.flush()
    os.fsync(file.fileno())
    target.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        target.hardlink_to(file.name)
    sync(target.parent)
