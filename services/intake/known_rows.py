"""Rows in force that a delivery has once more, recognised by the hash of the records they were read from.

A snapshot of a month is mostly what the one before was. What is recognised is neither parsed nor normalised again: its
rows are taken over from the archive. Blocking, and for one thread.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
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
        self._known = known = _known(in_force)
        self._high, self._low, self._flags = _view(known.high, "Q"), _view(known.low, "Q"), _view(known.flags, "i")
        self._single = _single(known.high)
        self._plain_flags = pa.array([0], pa.int32())
        self._examples: Counter[int] = Counter()
        self._taken = bytearray(len(known.row))
        self._reached: dict[int, int] = {}
        self._waiting = array("Q")

    def take(self, hashes: Sequence[bytes]) -> bytearray:
        """Which of some records have a row that was not taken over yet, a byte each. Now those rows are."""
        found = bytearray(len(hashes))
        if not self._taken or not hashes:
            return found
        high, low = _halves(pa.py_buffer(b"".join(hashes)), len(hashes))
        at = pc.min_element_wise(pc.search_sorted(self._known.high, high), _number(len(self._taken) - 1))
        hit = pc.equal(self._known.high.take(at), high)
        plain = pc.and_(pc.and_(hit, self._single.take(at)), pc.equal(self._known.low.take(at), low))
        plain = pc.and_(plain, pc.is_in(self._known.flags.take(at), value_set=self._plain_flags))
        taken, waiting = self._taken, self._waiting
        for record, place in _chosen(plain, at):
            if not taken[place]:
                taken[place] = found[record] = 1
                waiting.append(place)
        for record, place in _chosen(pc.and_not(hit, plain), at):
            found[record] = self._takes(place, low[record].as_py())
        return found

    def taken_over(self) -> Iterator[TakenOver]:
        """What was taken since this was asked before, in the order of the archive."""
        taken = pa.Array.from_buffers(pa.uint64(), len(self._waiting), [None, pa.py_buffer(self._waiting)])
        self._waiting = array("Q")
        rows = _ascending(self._known.row.take(taken))
        numbers = _view(rows, "Q")
        for file, path in enumerate(self._paths):
            first = file * _FILE_ROWS
            begin, end = bisect_left(numbers, first), bisect_left(numbers, first + _FILE_ROWS)
            if begin < end:
                yield from _by_group(path, pc.subtract(rows.slice(begin, end - begin), _number(first)))

    def _takes(self, first: int, low: int) -> bool:
        """Look at the records from a place on that begin like the one there, one after the other."""
        reached = at = self._reached.get(first, first)
        while at < len(self._high) and self._high[at] == self._high[first]:
            if self._low[at] == low and not self._taken[at]:
                if self._is_example(self._flags[at]):
                    return False
                self._taken[at] = 1
                self._waiting.append(at)
                if at == reached:
                    self._reached[first] = at + 1  # thousands of equal records are not looked at again for each
                return True
            at += 1
        return False

    def _is_example(self, flags: int) -> bool:
        if not flags or self._examples[flags] >= EXAMPLES_MAX:
            return False
        self._examples[flags] += 1
        if self._examples[flags] == EXAMPLES_MAX:
            self._plain_flags = pa.concat_arrays([self._plain_flags, pa.array([flags], pa.int32())])
        return True


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


def _single(high: pa.Array) -> pa.Array:
    """Which of some ascending numbers stand there once."""
    repeated = pc.equal(high.slice(1), high.slice(0, max(len(high) - 1, 0)))
    no = pa.array([False][: len(high)], pa.bool_())
    return pc.invert(pc.or_(pa.concat_arrays([no, repeated]), pa.concat_arrays([repeated, no])))


def _halves(hashes: pa.Buffer, count: int) -> tuple[pa.Array, pa.Array]:
    """Hashes of 128 bits, one after the other, as two numbers each."""
    words = pa.Array.from_buffers(pa.uint64(), 2 * count, [None, hashes])
    first = pa.arange(0, 2 * count, 2)
    return words.take(first), words.take(pc.add(first, 1))


def _chosen(mask: pa.Array, places: pa.Array) -> Iterator[tuple[int, int]]:
    """Where a mask is set, and what stands there."""
    return zip(pc.indices_nonzero(mask).to_pylist(), places.filter(mask).to_pylist(), strict=True)


def _of_group(rows: pa.Table, first: int, payers: Sequence[str], flags: dict[str | None, int]) -> _Known:
    wanted = pc.is_in(rows.column(_PAYER).cast(pa.string()), value_set=pa.array(payers, pa.string()))
    at = flat(pc.indices_nonzero(pc.and_(wanted, pc.is_valid(rows.column(LINE)))))
    high, low = _halves(flat(rows.column(LINE)).take(at).buffers()[1], len(at))
    encoded = flat(rows.column("flags").cast(pa.string())).dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), None]
    numbers = pa.array([flags.setdefault(text, len(flags)) for text in texts], pa.int32())
    of_rows = numbers.take(pc.fill_null(encoded.indices, len(texts) - 1))
    return _Known(high, low, of_rows.take(at), pc.add(at.cast(pa.uint64()), _number(first)))


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
