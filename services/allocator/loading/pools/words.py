"""Values that may be one of a few words, a number above zero, or a currency."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from services.allocator.loading.numbers import decimal_of
from shared.documents import Reader
from shared.money import UnknownCurrency, minor_unit

Word = TypeVar("Word", bound=str)


def read_word(reader: Reader, key: str, words: Sequence[Word], default: Word) -> Word:
    """One of a few words; the default, with the reason among the problems, if it is another."""
    choice = f"choose {', '.join(words)}"
    text = reader.text(key, choice, default)
    for word in words:
        if word == text:
            return word
    reader.problems.add(reader.line(key), f"unknown {key} {text!r}", suggestion(text or "", words))
    return default


def suggestion(text: str, words: Sequence[str]) -> str:
    """What to write in place of an unknown word."""
    near = difflib.get_close_matches(text, words, 1)
    return f"did you mean {near[0]}?" if near else f"choose {', '.join(words)}"


def read_positive(reader: Reader, key: str, advice: str) -> Decimal:
    """A number above 0; 1, with the reason among the problems, if it is not."""
    node = reader.node.items.get(key)
    if node is None:
        reader.problems.add(reader.node.line, f"{key} is missing", advice)
        return Decimal(1)
    number = decimal_of(node, reader.problems, key)
    if number == 0:
        reader.problems.add(node.line, f"{key} is zero", advice)
    return number or Decimal(1)


def read_currency(reader: Reader) -> str:
    """The currency that amounts are in."""
    text = reader.text("currency", "write currency: USD") or ""
    try:
        minor_unit(text)
    except UnknownCurrency as error:
        if text:
            reader.problems.add(reader.line("currency"), str(error), "correct the code")
    return text
