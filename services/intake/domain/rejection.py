"""Rows that could not be accepted, one by one, while the rest of the file went on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CODES: Final = {
    "must be a decimal number": "amount-unreadable",
    "must have at most": "amount-too-large",
    "must be a UTC date": "date-unreadable",
    "must be an ISO 4217": "currency-unknown",
    "FOCUS and the books need a value": "value-missing-for-booking",
}
OTHER_RULE: Final = "row-rejected"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refused row: where it is, which value broke which rule, and the row itself as it was read.

    `line` is the line of the file where the row begins (for Parquet: the row number), counted from 1.
    `billing_period` is None when the row does not tell, so that it concerns every period of its delivery;
    `billing_account_id` likewise.
    """

    file: str
    line: int
    column: str
    value: str | None
    rule: str
    billing_period: str | None
    row: dict[str, str]
    billing_account_id: str | None = None

    @property
    def message(self) -> str:
        """What a person reads."""
        shown = "no value" if self.value is None else repr(self.value)
        return f"{self.file}, line {self.line}: {self.column} has {shown}, but {self.rule}"

    @property
    def code(self) -> str:
        """The stable code of the broken rule: what reports, metrics and docs name it by."""
        return next((code for beginning, code in _CODES.items() if self.rule.startswith(beginning)), OTHER_RULE)
