"""Columns of distinct texts made canonical: the common forms vectorised, the rare ones by the domain's rules."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.domain.amounts import NotAnAmount, exact_amount
from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.reading.objects import NotAnObject, canonical_object
from shared.money import UnknownCurrency, minor_unit

_PLAIN: Final = r"^-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,18})?$"


@dataclass(slots=True)
class Canonical:
    """A column after its rule was applied.

    `entries` has each row's dictionary index in the column as it was read; `broken` gives the rule that an entry broke
    (its rows are null now), and `residues` what rounding took away from it.
    """

    column: pa.DictionaryArray
    entries: pa.Array
    broken: dict[int, str] = field(default_factory=dict)
    residues: dict[int, Decimal] = field(default_factory=dict)


def amounts(column: pa.DictionaryArray) -> Canonical:
    """Plain canonical digits; equal amounts get equal texts, whatever notation they came in."""
    texts = column.dictionary
    trimmed = pc.if_else(pc.match_substring(texts, "."), pc.ascii_rtrim(pc.ascii_rtrim(texts, "0"), "."), texts)
    trimmed = pc.if_else(pc.equal(trimmed, "-0"), "0", trimmed)
    plain = pc.match_substring_regex(texts, _PLAIN)
    if pc.all(plain).as_py() is not False:
        return Canonical(_with(column, trimmed), column.indices)
    return _amounts_one_by_one(column, trimmed, plain.to_pylist())


def _amounts_one_by_one(column: pa.DictionaryArray, trimmed: pa.Array, plain: list[bool]) -> Canonical:
    result = Canonical(column, column.indices)
    values: list[str | None] = trimmed.to_pylist()
    texts = column.dictionary
    for at in (at for at, easy in enumerate(plain) if not easy):
        try:
            amount = exact_amount(texts[at].as_py())
        except NotAnAmount as error:
            values[at], result.broken[at] = None, error.rule
            continue
        values[at] = amount.digits
        if amount.residue:
            result.residues[at] = amount.residue
    result.column = _with(column, pa.array(values, pa.string()))
    return result


def instants(column: pa.DictionaryArray) -> Canonical:
    """UTC dates and times as FOCUS writes them."""
    return _each(column, utc_text, NotAnInstant, NotAnInstant.rule)


def currencies(column: pa.DictionaryArray) -> Canonical:
    """ISO 4217 codes."""
    return _each(column, _iso_code, UnknownCurrency, "must be an ISO 4217 currency code such as USD")


def objects(column: pa.DictionaryArray) -> Canonical:
    """JSON objects."""
    return _each(column, canonical_object, NotAnObject, "must be a JSON object")


def rows_at(canonical: Canonical, entries: Collection[int]) -> list[tuple[int, int]]:
    """(row, entry) of the rows whose value is one of the given dictionary entries."""
    if not entries:
        return []
    hits = pc.is_in(canonical.entries, value_set=pa.array(list(entries), canonical.entries.type))
    return [(row, canonical.entries[row].as_py()) for row in pc.indices_nonzero(hits).to_pylist()]


def _iso_code(code: str) -> str:
    minor_unit(code)
    return code


def _each(
    column: pa.DictionaryArray, rule: Callable[[str], str], breach: type[Exception], description: str
) -> Canonical:
    values: list[str | None] = []
    broken: dict[int, str] = {}
    for at, text in enumerate(column.dictionary.to_pylist()):
        try:
            values.append(rule(text))
        except breach:
            values.append(None)
            broken[at] = description
    return Canonical(_with(column, pa.array(values, pa.string())), column.indices, broken)


def _with(column: pa.DictionaryArray, dictionary: Any) -> pa.DictionaryArray:
    """Replace the dictionary. Rows whose entry is null there become null themselves."""
    if not dictionary.null_count:
        return pa.DictionaryArray.from_arrays(column.indices, dictionary)
    return pc.take(dictionary, column.indices).dictionary_encode()
