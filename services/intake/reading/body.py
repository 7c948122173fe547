"""The part of a cost event that the row alone decides, `"charge":{...},"custom":{...}`, and the hash over it.

Columns stand in the order of FOCUS's alphabet and nulls are left out, so that neither the order of a file's columns
nor empty ones make a row look new.

Written column by column: each distinct value becomes a piece of JSON once, neighbouring columns with few distinct
values are folded into one column of the combinations that occur. What is left is joined row by row: once for the hash,
and once more when the event is written, because the pieces take a fraction of the space that the bodies would.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_hexdigest

from services.intake.domain.partitions import PARTITION_COLUMNS, SEPARATOR, partition_of
from services.intake.reading.columns import framed, joined, without_nulls
from shared.focus import CANONICAL

PIECE: Final = "piece_"
"""What the names of the columns of pieces begin with."""

_FIRST: Final = "BilledCost"
_TO_ESCAPE: Final = bytes(range(0x20)) + b'"\\'
_ROWS_PER_COMBINATION: Final = 8
_HASHED_AT_ONCE: Final = 1_024
"""Bodies are many times the size of their pieces, and only their hashes stay."""


def body_pieces(charge: Mapping[str, pa.DictionaryArray], custom: pa.DictionaryArray) -> dict[str, pa.DictionaryArray]:
    """The columns that make each row's body when they are joined, named so that they sort in their order.

    Args:
        charge: canonical text by column name; `BilledCost` has no nulls, so that the others can bring their commas.
        custom: the object of custom columns as JSON.
    """
    columns = [_first(charge[_FIRST]), *_members(charge), framed('},"custom":', custom, "")]
    return {f"{PIECE}{at:02}": piece for at, piece in enumerate(_folded(columns))}


def longest(pieces: Mapping[str, pa.DictionaryArray], bytes_max: int) -> tuple[int, int] | None:
    """The row with the longest body and its bytes, if those are too many. The longest pieces alone nearly always show
    that none is.
    """
    lengths = [pc.binary_length(piece.dictionary) for piece in pieces.values()]
    if sum(pc.max(one).as_py() or 0 for one in lengths) <= bytes_max:
        return None
    bodies = functools.reduce(pc.add, map(pc.take, lengths, (piece.indices for piece in pieces.values())))
    most = pc.max(bodies).as_py()
    return (pc.index(bodies, most).as_py(), most) if most > bytes_max else None


def row_hashes(pieces: Mapping[str, pa.DictionaryArray]) -> pa.Array:
    """The hash of each row's body: XXH3, 128 bits, hex. It tells rows apart, it is no seal."""
    hashes: list[str] = []
    for first in range(0, len(pieces[f"{PIECE}00"]), _HASHED_AT_ONCE):
        bodies = joined(piece.slice(first, _HASHED_AT_ONCE) for piece in pieces.values())
        hashes += map(xxh3_128_hexdigest, bodies.cast(pa.binary()).to_pylist())
    return pa.array(hashes, pa.string())


def custom_objects(columns: Mapping[str, pa.DictionaryArray], rows: int) -> pa.DictionaryArray:
    """Write the object of custom columns of each row as JSON; names in order, nulls left out."""
    pieces = list(_folded(_member(name, columns[name], quoted=True) for name in sorted(columns)))
    if not pieces:
        return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["{}"]))
    if len(pieces) > 1:
        pieces = [pc.binary_join_element_wise(*(piece.cast(pa.string()) for piece in pieces), "").dictionary_encode()]
    members = pc.utf8_slice_codeunits(pieces[0].dictionary, 1)
    return pa.DictionaryArray.from_arrays(pieces[0].indices, pc.binary_join_element_wise("{", members, "}", ""))


def row_partitions(charge: Mapping[str, pa.DictionaryArray], rows: int, partitions: int) -> pa.DictionaryArray:
    """The partition of each row, as `domain.partitions` says."""
    empty = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([""]))
    keys = [charge.get(name, empty).cast(pa.string()) for name in PARTITION_COLUMNS]
    joined = pc.binary_join_element_wise(
        *keys, SEPARATOR, null_handling="replace", null_replacement=""
    ).dictionary_encode()
    numbers = [_partition_of(key, partitions) for key in joined.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(joined.indices, pa.array(numbers, pa.int32())).dictionary_decode()


@functools.lru_cache(65_536)
def _partition_of(key: str, partitions: int) -> int:
    return partition_of(key, partitions)


def _first(column: pa.DictionaryArray) -> pa.DictionaryArray:
    return framed(f'"charge":{{"{_FIRST}":"', column, '"')


def _members(charge: Mapping[str, pa.DictionaryArray]) -> Iterator[pa.DictionaryArray]:
    for column in CANONICAL:
        present = column.name in charge and charge[column.name].null_count < len(charge[column.name])
        if present and column.name != _FIRST:
            yield _member(column.name, charge[column.name], quoted=column.type != "json")


def _member(name: str, column: pa.DictionaryArray, *, quoted: bool) -> pa.DictionaryArray:
    label = f",{msgspec.json.encode(name).decode()}:"
    return framed(f'{label}"', _escaped(column), '"') if quoted else framed(label, column, "")


def _escaped(column: pa.DictionaryArray) -> pa.DictionaryArray:
    texts = column.dictionary
    characters = bytes(texts.buffers()[2] or b"")
    if len(characters.translate(None, _TO_ESCAPE)) == len(characters):
        return column
    escaped = [None if text is None else msgspec.json.encode(text).decode()[1:-1] for text in texts.to_pylist()]
    return pa.DictionaryArray.from_arrays(column.indices, pa.array(escaped, pa.string()))


def _folded(columns: Iterable[pa.DictionaryArray]) -> Iterator[pa.DictionaryArray]:
    """Fold runs of columns into columns of their combinations, as long as those stay few. Nulls become empty text."""
    folded: pa.DictionaryArray | None = None
    for column in columns:
        filled = without_nulls(column)
        combined = filled if folded is None else _combined(folded, filled)
        if combined is None:
            yield folded
        folded = filled if combined is None else combined
    if folded is not None:
        yield folded


def _combined(left: pa.DictionaryArray, right: pa.DictionaryArray) -> pa.DictionaryArray | None:
    """One column of the combinations that occur; None if they are too many to gain anything."""
    few = len(left) // _ROWS_PER_COMBINATION
    if max(len(left.dictionary), len(right.dictionary)) > few:
        return None
    width = pa.scalar(len(right.dictionary), pa.int32())
    pairs = pc.add(pc.multiply(left.indices, width), right.indices).dictionary_encode()
    if len(pairs.dictionary) > few:
        return None
    starts = pc.divide(pairs.dictionary, width)
    ends = pc.subtract(pairs.dictionary, pc.multiply(starts, width))
    entries = pc.binary_join_element_wise(left.dictionary.take(starts), right.dictionary.take(ends), "")
    return pa.DictionaryArray.from_arrays(pairs.indices, entries)
