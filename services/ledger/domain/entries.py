"""Entries of the journal: one document, one currency, postings that add up to zero at full precision.

Debits are positive and credits negative. An entry never changes: `source` says which document it books, and posting
the same source again is a no-op when the content is the same and an error when it is not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from services.ledger.domain.accounts import Chart
from shared.money import SCALE, add, total


class Unbalanced(ValueError):
    """An entry whose postings do not add up to zero: a bug in the posting rules or a tampered row."""

    def __init__(self, source: str, currency: str, residue: Decimal) -> None:
        self.source, self.currency, self.residue = source, currency, residue
        super().__init__(f"entry {source}: postings in {currency} add up to {residue:f}, not to zero")


class PostedDifferently(ValueError):
    """A document was posted before with other content."""

    def __init__(self, source: str, posted: str, offered: str) -> None:
        self.source, self.posted, self.offered = source, posted, offered
        super().__init__(
            f"{source} is posted with content {posted[:12]}, now it came with {offered[:12]}; "
            "posted entries never change: compare the document with its source"
        )


class Posting(NamedTuple):
    """One leg: a place in the chart, whose account (issuer, cost center or nobody's), and a signed amount."""

    chart: Chart
    party: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction. `reference` is the document's own number; dates are those of the billing period.

    Raises:
        Unbalanced: on construction, so that an unbalanced entry cannot exist.
    """

    source: str
    billing_period: str
    currency: str
    description: str
    reference: str
    postings: tuple[Posting, ...]
    rule_version: str = ""

    def __post_init__(self) -> None:
        residue = total(posting.amount for posting in self.postings)
        if residue:
            raise Unbalanced(self.source, self.currency, residue)

    def canonical(self) -> bytes:
        """The bytes that are hashed: JSON, fixed order, amounts as fixed-point text of 18 digits."""
        legs = [[chart.value, party, fixed(amount)] for chart, party, amount in self.postings]
        content = [
            self.source, self.billing_period, self.currency, self.description, self.reference, self.rule_version, legs,
        ]  # fmt: skip
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    def content_hash(self) -> str:
        """sha256 of the canonical bytes, hex."""
        return hashlib.sha256(self.canonical()).hexdigest()


def fixed(amount: Decimal) -> str:
    """An amount with exactly 18 fractional digits, as the chain and the books write it; never `-0`."""
    return f"{amount or amount.copy_abs():.{SCALE}f}"


def merged(postings: list[Posting]) -> tuple[Posting, ...]:
    """Add up the legs of each account, in account order; legs of zero stay, they say that the document was booked."""
    sums: dict[tuple[Chart, str | None], Decimal] = {}
    for chart, party, amount in postings:
        key = (chart, party)
        sums[key] = add(sums[key], amount) if key in sums else amount
    ordered = sorted(sums.items(), key=lambda item: (item[0][0].value, item[0][1] or ""))
    return tuple(Posting(chart, party, amount) for (chart, party), amount in ordered)
