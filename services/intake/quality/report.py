"""The quality report of a delivery: what it is made of, as JSON; amounts are exact decimal strings."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.intake.quality.catalogue import CATALOGUE
from services.intake.quality.sums import SumRule
from shared.events import DeliveredFile, Totals
from shared.events.base import Amount, Contract

Share = Annotated[Amount, msgspec.Meta(description="From 0 to 1, rounded to 4 digits")]


class Shown(Contract, frozen=True, kw_only=True, omit_defaults=False):
    """Base of the report's parts: nothing is left out."""


class RowCounts(Shown, frozen=True, kw_only=True):
    """What became of the rows of the files."""

    read: int
    accepted: int
    rejected: int
    flagged: int


class Example(Shown, frozen=True, kw_only=True):
    """A row to look up: for Parquet `line` is the row's number."""

    file: str
    line: int
    values: dict[str, str]


class RejectedRule(Shown, frozen=True, kw_only=True):
    """Rows that were rejected for the same rule on the same column."""

    code: str
    column: str
    rule: str
    rows: int
    examples: list[Example]


class FlagCost(Shown, frozen=True, kw_only=True):
    """Absolute cost of the rows with a flag in one currency, and its share of the absolute cost of all rows."""

    currency: str
    billed: Amount
    billed_share: Share
    effective: Amount
    effective_share: Share


class Flag(Shown, frozen=True, kw_only=True):
    """A flag and the accepted rows that carry it."""

    code: str
    rows: int
    rows_share: Share
    costs: list[FlagCost]
    examples: list[Example]


class ReportFinding(Shown, frozen=True, kw_only=True):
    """What is true of the delivery as a whole."""

    code: str
    message: str
    rows: int


class Advice(Shown, frozen=True, kw_only=True):
    """What a code means and what to do about it."""

    title: str
    means: str
    do: str


class Report(Shown, frozen=True, kw_only=True):
    """Everything about the quality of one delivery. `advice` has an entry for every code in it."""

    delivery_id: str
    source: str
    ordinal: int
    received_at: str
    files: list[DeliveredFile]
    rows: RowCounts
    charges: int
    retractions: int
    totals: list[Totals]
    rejected: list[RejectedRule]
    flags: list[Flag]
    findings: list[ReportFinding]
    sums: list[SumRule]
    advice: dict[str, Advice]


def advice(codes: set[str]) -> dict[str, Advice]:
    """The catalogue's words on some codes, in its order."""
    return {
        code: Advice(title=entry.title, means=entry.means, do=entry.do)
        for code, entry in CATALOGUE.items()
        if code in codes
    }
