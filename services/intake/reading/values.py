"""Columns of distinct texts made canonical: the common forms vectorised, the rare ones by the domain's rules."""

from __future__ import annotations

from collections.abc import Callable
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
    """A column after its rule was applied, dictionary-encoded like the one before.

    The dictionary entries that broke the rule are null now, and `broken` gives the rule by their index. `residues`
    has what rounding took away, by index.
    """

    column: pa.DictionaryArray
    broken: dict[int, str] = field(default_factory=dict)
    residues: dict[int, Decimal] = field(default_factory=dict)


def amounts(column: pa.DictionaryArray) -> Canonical:
    """Plain canonical digits; equal amounts get equal texts, whatever notation they came in."""
    texts = column.dictionary
    trimmed = pc.if_else(pc.match_substring(texts, "."), pc.ascii_rtrim(pc.ascii_rtrim(texts, "0"), "."), texts)
    trimmed = pc.if_else(pc.equal(trimmed, "-0"), "0", trimmed)
    plain = pc.match_substring_regex(texts, _PLAIN)
    if pc.all(plain).as_py() is not False:
        return Canonical(_with(column, trimmed))
    return _amounts_one_by_one(column, trimmed, plain.to_pylist())


def _amounts_one_by_one(column: pa.DictionaryArray, trimmed: pa.Array, plain: list[bool]) -> Canonical:
    result = Canonical(column)
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
    return Canonical(_with(column, pa.array(values, pa.string())), broken)


def _with(column: pa.DictionaryArray, dictionary: Any) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(column.indices, dictionary)
