"""A delivery in work, on disk: its rows in parts, their keys, and the exact order in which they become events.

rows-00000.arrow ...          accepted rows, in the order of the files
retractions-00000.arrow ...   rows that vanished, with negated amounts
rejected.jsonl                refused rows
work.duckdb                   keys, differences, and the plan: position -> occurrence and sequence
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa

from services.intake.archive import sync
from services.intake.domain.rejection import Rejection
from services.intake.reading.body import PIECE

_EVENT_COLUMNS: Final = frozenset({"row_hash", "partition", "billing_period", "charge_day", "occurrence", "flags"})
_LZ4: Final = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class Part(NamedTuple):
    """Rows that are handled together. Positions count all rows of the delivery, retractions after accepted ones."""

    number: int
    kind: str
    first_position: int
    rows: int


class Spool:
    """The working directory of one delivery."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / "work.duckdb"
        self._rejected = directory / "rejected.jsonl"

    def write_part(self, kind: str, number: int, table: pa.Table) -> None:
        """Keep a part; it is on disk when this returns."""
        with (
            pa.OSFile(str(self._path(kind, number)), "wb") as file,
            pa.ipc.new_file(file, table.schema, options=_LZ4) as writer,
        ):
            writer.write_table(table)
        sync(self._path(kind, number))

    def read_part(self, part: Part) -> pa.Table:
        """Read the rows of a part, without the pieces of their events."""
        return _read(self._path(part.kind, part.number), lambda name: not name.startswith(PIECE))

    def read_events(self, part: Part) -> pa.Table:
        """Read what the events of a part are made of."""
        return _read(self._path(part.kind, part.number), lambda name: name.startswith(PIECE) or name in _EVENT_COLUMNS)

    def accepted(self, columns: Collection[str]) -> Iterator[pa.Table]:
        """Some columns of all accepted rows, a part at a time, as far as the part's file had them."""
        for path in sorted(self.directory.glob("rows-*.arrow")):
            yield _read(path, lambda name: name in columns)

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Keep refused rows."""
        with self._rejected.open("ab") as file:
            file.writelines(msgspec.json.encode(rejection) + b"\n" for rejection in rejections)
            file.flush()
            os.fsync(file.fileno())

    def rejections(self) -> Iterator[Rejection]:
        """The refused rows in the order of the files."""
        if self._rejected.exists():
            with self._rejected.open("rb") as file:
                for line in file:
                    yield msgspec.json.decode(line, type=Rejection)

    def _path(self, kind: str, number: int) -> Path:
        return self.directory / f"{kind}-{number:05d}.arrow"


def _read(path: Path, wanted: Callable[[str], bool]) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        names = pa.ipc.open_file(file).schema.names
        chosen = [at for at, name in enumerate(names) if wanted(name)]
        # Parts are small and read side by side: handing their columns to more threads costs more than it gains.
        options = pa.ipc.IpcReadOptions(included_fields=chosen, use_threads=False)
        return pa.ipc.open_file(file, options=options).read_all()
