"""All flags of a row in one column: a JSON array of codes, null where there is none.

The flags of a chunk are bits of one number per row, so that each combination is written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.quality.flags.chunk import Mask, Rows
from services.intake.quality.flags.commitments import commitment_masks
from services.intake.quality.flags.prices import price_masks
from services.intake.quality.flags.source import source_masks
from services.intake.quality.flags.values import value_masks
from services.intake.reading.columns import flat
from services.intake.reading.layout import Layout
from services.intake.reading.raw import RawChunk
from services.intake.reading.values import Canonical

CODES: Final = (
    "effective-cost-rounded", "cost-price-mismatch", "invoice-id-missing", "unknown-value", "empty-string-for-null",
    "tags-unparsable", "json-unparsable", "tag-keys-alike", "time-not-utc", "commitment-inconsistent",
)  # fmt: skip
"""Every flag, in the order in which a row lists its own."""

_BITS: Final = {code: 1 << at for at, code in enumerate(CODES)}


def source_bits(layout: Layout, raw: RawChunk, columns: Mapping[str, Canonical]) -> Any:
    """The flags that only the text as read can tell, as bits, for every row of a chunk."""
    return _bits(source_masks(layout, raw, columns), pa.repeat(pa.scalar(0, pa.int32()), raw.table.num_rows))


def flags_column(text: Mapping[str, pa.DictionaryArray], typed: Mapping[str, Any], source: Any) -> pa.DictionaryArray:
    """The column `flags` of accepted rows.

    Args:
        text: canonical text by column name; `typed` the same with amounts as decimals.
        source: the bits of `source_bits` of the same rows in the same order.
    """
    rows = Rows(text, typed)
    encoded = flat(
        _bits(chain(price_masks(rows), value_masks(rows), commitment_masks(rows)), source)
    ).dictionary_encode()
    written = pa.array([_written(bits) for bits in encoded.dictionary.to_pylist()], pa.string())
    return pc.take(written, encoded.indices).dictionary_encode()


def _bits(masks: Iterable[Mask], bits: Any) -> Any:
    for code, mask in masks:
        bits = pc.bit_wise_or(bits, pc.multiply(mask.cast(pa.int32()), pa.scalar(_BITS[code], pa.int32())))
    return bits


def _written(bits: int) -> str | None:
    codes = [code for code, bit in _BITS.items() if bits & bit]
    return json.dumps(codes, separators=(",", ":")) if codes else None
