"""How FOCUS 1.0-preview spelled what later versions say in other words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from shared.focus import PREVIEW


@dataclass(frozen=True, slots=True)
class Translation:
    """A column is read from `source` with these values replaced; others stay if `others_stay`, or become null."""

    source: str
    values: Mapping[str, str]
    others_stay: bool

    def apply(self, column: pa.DictionaryArray) -> pa.DictionaryArray:
        """Replace values, once per distinct value."""
        texts = [self.values.get(text, text if self.others_stay else None) for text in column.dictionary.to_pylist()]
        entries = pa.array(texts, pa.string())
        if not entries.null_count:
            return pa.DictionaryArray.from_arrays(column.indices, entries)
        return entries.take(column.indices).dictionary_encode()


_PREVIEW: Final = MappingProxyType(
    {
        "CommitmentDiscountStatus": Translation(
            "ChargeSubcategory", {"Used Commitment": "Used", "Unused Commitment": "Unused"}, others_stay=False
        ),
        "PricingCategory": Translation(
            "PricingCategory", {"On-Demand": "Standard", "Commitment-Based": "Committed"}, others_stay=True
        ),
    }
)
"""ChargeSubcategory stays readable as `x_ChargeSubcategory`: refunds and credits have no other mark in the preview."""


def translations_of(version: str, names: Collection[str]) -> Mapping[str, Translation]:
    """The translations that a file's columns need, by the column that is filled."""
    return MappingProxyType(
        {
            target: translation
            for target, translation in (_PREVIEW.items() if version == PREVIEW else ())
            if translation.source in names and (target == translation.source or target not in names)
        }
    )
