"""Rows in force that a delivery has once more, recognised by the hash of the records they were read from.

A snapshot of a month is mostly what the one before was. What is recognised is neither parsed nor normalised again: its
rows are taken over from the archive. Blocking, and for one thread.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from struct import unpack
from typing import Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.intake.domain.findings import EXAMPLES_MAX
from services.intake.reading.columns import flat
from services.intake.reading.lines import LINE
from shared.archive import RowsInForce

ROWS_MAX: Final = 3_000_000
"""How many rows are kept in mind, 30 bytes each. What is beyond is read again, and comes out the same."""

_FILE_ROWS: Final = 1 << 40
_PAYER: Final = "BillingAccountId"
_NONE: Final = tuple(pa.array([], kind) for kind in (pa.uint64(), pa.uint64(), pa.int32(), pa.uint64()))
_NOT_TAKEN_OVER: Final = ("occurrence", "identity")


class TakenOver(NamedTuple):
    """Rows of a row group of an archived file, counted from the group's first."""

    path: Path
    group: int
    rows: pa.Array

    def read(self) -> pa.Table:
        """The rows, with the columns that have values; their events were published, so they have no partition."""
        with pq.ParquetFile(self.path) as archived:
            rows = archived.read_row_group(self.group, use_threads=False).take(self.rows)
        filled = [
            name for name, column in zip(rows.column_names, rows.columns, strict=True)
            if name not in _NOT_TAKEN_OVER and column.null_count < rows.num_rows
        ]  # fmt: skip
        return rows.select(filled).append_column("partition", pa.nulls(rows.num_rows, pa.int32()))


class _Known(NamedTuple):
    """Known records in the order of their hashes: both halves, the flags' number, and file and row in one number."""

    high: Any
    low: Any
    flags: Any
    row: Any


class KnownRows:
    """The rows in force that can be recognised; each can be taken over once.

    The first few rows with the same flags are not recognised, so that a report can show where in the files they are.

    Args:
        in_force: in the order in which they are to be kept in mind; archives of earlier versions know no records.
    """

    def __init__(self, in_force: Sequence[RowsInForce] = ()) -> None:
        self._paths = [one.path for one in in_force]
        known = _known(in_force)
        self._high, self._low, self._flags = _view(known.high, "Q"), _view(known.low, "Q"), _view(known.flags, "i")
        self._rows = known.row
        self._shift = min(63, 65 - len(known.row).bit_length())
        self._starts = _starts(known.high, self._shift)
        self._examples: Counter[int] = Counter()
        self._taken = bytearray(len(known.row))
        self._waiting = array("Q")

    def take(self, hashes: Sequence[bytes]) -> list[bool]:
        """Which of some records have a row that was not taken over yet. Now those rows are."""
        if not self._taken:
            return [False] * len(hashes)
        words = iter(unpack(f"={2 * len(hashes)}Q", b"".join(hashes)))
        return [self._takes(high, low) for high, low in zip(words, words, strict=True)]

    def taken_over(self) -> Iterator[TakenOver]:
        """What was taken since this was asked before, in the order of the archive."""
        taken = pa.Array.from_buffers(pa.uint64(), len(self._waiting), [None, pa.py_buffer(self._waiting)])
        self._waiting = array("Q")
        rows = _ascending(self._rows.take(taken))
        numbers = _view(rows, "Q")
        for file, path in enumerate(self._paths):
            first = file * _FILE_ROWS
            begin, end = bisect_left(numbers, first), bisect_left(numbers, first + _FILE_ROWS)
            if begin < end:
                yield from _by_group(path, pc.subtract(rows.slice(begin, end - begin), _number(first)))

    def _takes(self, high: int, low: int) -> bool:
        bucket = high >> self._shift
        for at in range(self._starts[bucket], self._starts[bucket + 1]):
            if self._high[at] == high and self._low[at] == low and not self._taken[at]:
                if self._flags[at] and self._is_example(self._flags[at]):
                    return False
                self._taken[at] = 1
                self._waiting.append(at)
                return True
        return False

    def _is_example(self, flags: int) -> bool:
        self._examples[flags] += 1
        return self._examples[flags] <= EXAMPLES_MAX


def _known(in_force: Sequence[RowsInForce]) -> _Known:
    """What can be recognised, as far as it fits in mind."""
    found: list[_Known] = []
    flags: dict[str | None, int] = {None: 0}
    for file, (path, payers) in enumerate(in_force):
        with pq.ParquetFile(path) as archived:
            if LINE not in archived.schema_arrow.names:
                continue
            first = file * _FILE_ROWS
            for group in range(archived.num_row_groups):
                if sum(len(one.row) for one in found) >= ROWS_MAX:
                    break
                rows = archived.read_row_group(group, [LINE, "flags", _PAYER], use_threads=False)
                found.append(_of_group(rows, first, payers, flags))
                first += rows.num_rows
    columns = [pa.concat_arrays(column) for column in zip(_Known(*_NONE), *found, strict=True)]
    order = pc.array_sort_indices(columns[0])
    return _Known(*(column.take(order) for column in columns))


def _starts(high: pa.Array, shift: int) -> array[int]:
    """Where the records of each bucket begin, and after the last one's where they end; a bucket is as many first bits
    of a hash as give every record one of its own, more or less.
    """
    ends = array("I", bytes(4 * ((1 << 64 - shift) + 1)))
    for at, bucket in enumerate(_view(pc.shift_right(high, _number(shift)), "Q"), 1):
        ends[bucket + 1] = at
    return array("I", accumulate(ends, max))


def _of_group(rows: pa.Table, first: int, payers: Sequence[str], flags: dict[str | None, int]) -> _Known:
    wanted = pc.is_in(rows.column(_PAYER).cast(pa.string()), value_set=pa.array(payers, pa.string()))
    at = flat(pc.indices_nonzero(pc.and_(wanted, pc.is_valid(rows.column(LINE)))))
    hashes = flat(rows.column(LINE)).take(at)
    words = pa.Array.from_buffers(pa.uint64(), 2 * len(at), [None, hashes.buffers()[1]])
    high = pa.arange(0, 2 * len(at), 2)
    encoded = flat(rows.column("flags").cast(pa.string())).dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), None]
    numbers = pa.array([flags.setdefault(text, len(flags)) for text in texts], pa.int32())
    of_rows = numbers.take(pc.fill_null(encoded.indices, len(texts) - 1))
    return _Known(
        words.take(high), words.take(pc.add(high, 1)), of_rows.take(at), pc.add(at.cast(pa.uint64()), _number(first))
    )


def _by_group(path: Path, rows: pa.Array) -> Iterator[TakenOver]:
    """Rows of a file, in ascending order, by row group."""
    numbers, first = _view(rows, "Q"), 0
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        begin = bisect_left(numbers, first)
        end = bisect_left(numbers, first + metadata.row_group(group).num_rows)
        if begin < end:
            yield TakenOver(path, group, pc.subtract(rows.slice(begin, end - begin), _number(first)))
        first += metadata.row_group(group).num_rows


def _number(value: int) -> pa.Scalar:
    return pa.scalar(value, pa.uint64())


def _ascending(numbers: pa.Array) -> pa.Array:
    return numbers.take(pc.array_sort_indices(numbers))


def _view(numbers: pa.Array, code: Literal["i", "Q"]) -> memoryview[int]:
    """Numbers without nulls, as Python indexes them."""
    view = memoryview(numbers.buffers()[1] or b"").cast("B")
    start = numbers.offset * numbers.type.byte_width
    return view[start : start + len(numbers) * numbers.type.byte_width].cast(code)
