"""Batches that Arrow writes are those that aiokafka's own builder and reader know."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.record_batches import RecordBatch

_ZSTD = 4
_NOW_MS = 1_790_000_000_000

sizes = st.one_of(st.integers(0, 300), st.sampled_from([8_191, 8_192, 70_000]))
records = st.lists(st.tuples(sizes.map(lambda size: b"v" * size), st.binary(max_size=70)), min_size=1, max_size=200)


def batches(given_records: list[tuple[bytes, bytes]], bytes_max: int, at_once: int) -> list[RecordBatch]:
    """All records, given some at a time, in as many batches as they take."""
    filled = [RecordBatch(bytes_max, "ce_id", _NOW_MS)]
    for start in range(0, len(given_records), at_once):
        some = given_records[start : start + at_once]
        values, ids = (pa.array(column, pa.binary()) for column in zip(*some, strict=True))
        while len(values):
            taken = filled[-1].extend(values, ids)
            values, ids = values[taken:], ids[taken:]
            if len(values):
                filled.append(RecordBatch(bytes_max, "ce_id", _NOW_MS))
    return filled


@given(records, st.integers(1, 50))
@settings(max_examples=60)
def test_a_batch_has_the_bytes_that_the_client_library_writes(
    given_records: list[tuple[bytes, bytes]], at_once: int
) -> None:
    (ours,) = batches(given_records, 64 << 20, at_once)
    theirs = BatchBuilder(64 << 20, 0)
    for value, name in given_records:
        assert theirs.append(key=None, value=value, timestamp=_NOW_MS, headers=[("ce_id", name)])
    assert b"".join(map(bytes, ours._records)) == bytes(theirs._build())[61:]
    assert ours.record_count() == theirs.record_count()


@given(records, st.integers(1, 50), st.integers(500, 100_000), st.integers(0, 2**40), st.integers(0, 2**30))
@settings(max_examples=60)
def test_all_records_can_be_read_back_in_their_order(
    given_records: list[tuple[bytes, bytes]], at_once: int, bytes_max: int, producer: int, sequence: int
) -> None:
    found = []
    for batch in batches(given_records, bytes_max, at_once):
        batch._set_producer_state(producer, 3, sequence)
        assert batch.record_count() == 1 or 61 + sum(map(len, batch._records)) <= bytes_max
        built = batch._build()
        assert built == batch._build()
        (read,) = _read(built)
        assert read.validate_crc()
        assert (read.producer_id, read.producer_epoch, read.base_sequence) == (producer, 3, sequence)
        assert (read.compression_type, read.timestamp_type, read.is_transactional) == (_ZSTD, 0, False)
        kept = list(read)
        assert [record.offset for record in kept] == list(range(batch.record_count()))
        assert all(record.key is None and record.timestamp == _NOW_MS for record in kept)
        found += [(bytes(record.value), dict(record.headers)["ce_id"]) for record in kept]
    assert found == given_records


def test_more_records_than_small_numbers_tell_apart() -> None:
    many = [(random.randbytes(3), b"%d" % number) for number in range(40_000)]
    (batch,) = batches(many, 64 << 20, 40_000)
    (read,) = _read(batch._build())
    assert [(bytes(record.value), dict(record.headers)["ce_id"]) for record in read] == many


def _read(built: bytes) -> list[Any]:
    memory = MemoryRecords(built)
    found = []
    while (one := memory.next_batch()) is not None:
        found.append(one)
    return found
