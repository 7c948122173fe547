"""Batches of records for Kafka, written thousands at a time: Arrow lays their bytes out column by column.

aiokafka's own builder takes one record after another, each through Python: that takes as long as writing their values
does, and nothing else in the process gets on meanwhile. The format is that of `DefaultRecordBatch` and `DefaultRecord`
in Kafka (magic 2, KIP-98; zstd, KIP-110). No keys, no tombstones, no transactions: nobody needs them here.
"""

from __future__ import annotations

import functools
import struct
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from aiokafka.codec import zstd_encode
from aiokafka.record.util import calc_crc32c

_TO_CRC: Final = struct.Struct(">qiibI")
_FROM_CRC: Final = struct.Struct(">hiqqqhii")
_NO_LEADER_EPOCH: Final = -1
_MAGIC: Final = 2
_ZSTD: Final = 4
_LEVEL: Final = 1
"""Cost events come out no larger than at level 3, which brokers and aiokafka take, and in two thirds of the time."""

_UNCOUNTED: Final = struct.calcsize(">qi")
"""A batch's length says how much comes after it."""

_NUMBERS_BYTES: Final = 32
"""What a record takes at most besides its value and its header."""

_SMALL: Final = 1 << 15
_NO_KEY: Final = b"\1"
_ATTRIBUTES_AND_TIME: Final = b"\0\0"
"""No attributes, and no time since the batch's own."""


class RecordBatch:
    """Records of one partition, without keys, each with one header; to be given to `AIOKafkaProducer.send_batch`.

    It has those methods of aiokafka's `BatchBuilder` that the producer calls on a batch that it sends.

    Args:
        bytes_max: how many bytes it may have before it is compressed. A larger record has a batch of its own.
        header: the name of the header.
        timestamp_ms: the time of all records, milliseconds since 1970.
    """

    def __init__(self, bytes_max: int, header: str, timestamp_ms: int) -> None:
        name = header.encode()
        self._header = _varint(1) + _varint(len(name)) + name
        self._room = bytes_max - _TO_CRC.size - _FROM_CRC.size
        self._timestamp_ms = timestamp_ms
        self._records: list[Any] = []
        self._count = 0
        self._producer = (-1, -1, -1)
        self._built = b""

    def extend(self, values: pa.BinaryArray, header_values: pa.BinaryArray) -> int:
        """Add records from the first on, as many as there is room for; returns how many those are. No value is null."""
        value_bytes, header_bytes = pc.binary_length(values), pc.binary_length(header_values)
        sizes = pc.add(pc.add(value_bytes, header_bytes), len(self._header) + _NUMBERS_BYTES)
        ends = pc.cumulative_sum(sizes.cast(pa.int64()))
        count = int(pc.search_sorted(ends, pa.scalar(self._room, pa.int64()), side="right").as_py())
        if not self._count:
            count = max(count, min(1, len(values)))
        if count:
            self._room -= ends[count - 1].as_py()
            self._add(values[:count], value_bytes[:count], header_values[:count], header_bytes[:count])
        return count

    def _add(self, values: Any, value_bytes: Any, header_values: Any, header_bytes: Any) -> None:
        offsets = _varints(pa.arange(self._count, self._count + len(values)).cast(pa.int32()))
        value_sizes, header_sizes = _varints(value_bytes), _varints(header_bytes)
        known = pa.scalar(len(_ATTRIBUTES_AND_TIME) + len(_NO_KEY) + len(self._header), pa.int32())
        lengths = map(pc.binary_length, (offsets, value_sizes, header_sizes))
        bodies = functools.reduce(pc.add, [known, value_bytes, header_bytes, *lengths])
        records = pc.binary_join_element_wise(
            _varints(bodies), _ATTRIBUTES_AND_TIME, offsets, _NO_KEY, value_sizes, values,
            self._header, header_sizes, header_values, b"",
        )  # fmt: skip
        self._records.append(records.buffers()[2])
        self._count += len(values)

    def append(self, **_record: object) -> None:
        """Take no single records: `AIOKafkaProducer.send` then waits until this batch is sent, and begins another."""

    def record_count(self) -> int:
        """How many records it has."""
        return self._count

    def close(self) -> None:
        """Say that nothing is added any more. The producer adds nothing by itself."""

    def closed(self) -> bool:
        """Whether it may be sent without waiting for more."""
        return True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytes:
        """Its bytes, the same ones whenever it is sent again."""
        if not self._built:
            times = (self._timestamp_ms, self._timestamp_ms)
            counted = _FROM_CRC.pack(_ZSTD, self._count - 1, *times, *self._producer, self._count)
            counted += zstd_encode(b"".join(self._records), _LEVEL)
            length = _TO_CRC.size - _UNCOUNTED + len(counted)
            self._built = _TO_CRC.pack(0, length, _NO_LEADER_EPOCH, _MAGIC, calc_crc32c(counted)) + counted
            self._records = []
        return self._built


def _varints(numbers: pa.Int32Array) -> pa.BinaryArray:
    if pc.max(numbers).as_py() < _SMALL:
        return _small().take(numbers)
    return pa.array(map(_varint, numbers.to_pylist()), pa.binary())


@functools.cache
def _small() -> pa.BinaryArray:
    return pa.array(map(_varint, range(_SMALL)), pa.binary())


def _varint(number: int) -> bytes:
    """A number that is not negative: zigzag, then seven bits at a time, the lowest first."""
    rest, written = number << 1, bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)
