"""Document numbers: gap-free for each issuer and year, at most 16 characters, because SAP's reference field has 16."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from typing import Final

NUMBER_CHARACTERS_MAX: Final = 16
_SEQUENCE_MAX: Final = 999_999


class NumbersExhausted(RuntimeError):
    """More documents in a year than six digits can number."""

    def __init__(self, issuer: str, year: int) -> None:
        self.issuer, self.year = issuer, year
        super().__init__(
            f"issuer {issuer} has used all {_SEQUENCE_MAX} document numbers of {year}; use another issuer code"
        )


def document_date(billing_period: str) -> str:
    """The date on a period's documents: its last day, `YYYY-MM-DD`. Not the day of issue: files know no clock."""
    year, month = (int(part) for part in billing_period.split("-"))
    return f"{billing_period}-{calendar.monthrange(year, month)[1]:02d}"


def previous_period(billing_period: str) -> str:
    """The billing period before: `2026-01` -> `2025-12`."""
    year, month = (int(part) for part in billing_period.split("-"))
    return f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02d}"


def number(issuer: str, year: int, sequence: int) -> str:
    """Write a document number such as `IC-2026-000001`."""
    if sequence > _SEQUENCE_MAX:
        raise NumbersExhausted(issuer, year)
    written = f"{issuer}-{year}-{sequence:06d}"
    assert len(written) <= NUMBER_CHARACTERS_MAX, f"issuer code {issuer!r} is too long for {written!r}"
    return written


def assign(issuer: str, year: int, next_sequence: int, documents: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Give consecutive numbers to documents (cost center, currency, document id), in that order whatever the input's.

    Returns:
        The number by document id.
    """
    ordered = sorted(documents)
    return {
        document: number(issuer, year, sequence)
        for sequence, (_, _, document) in enumerate(ordered, start=next_sequence)
    }
