"""The hash chain over a period's entries: h_n = sha256(h_{n-1} || canonical entry).

It proves that nothing was edited, dropped, added or reordered, relative to a head that someone else holds: the head
travels in the period's record, in the books' manifest and in the reconciliation page. It is not a signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from services.ledger.domain.entries import Entry


class ChainBroken(ValueError):
    """A stored entry does not continue the chain: it, or one before it, was changed after posting."""

    def __init__(self, billing_period: str, ordinal: int, source: str) -> None:
        self.billing_period, self.ordinal, self.source = billing_period, ordinal, source
        super().__init__(
            f"period {billing_period}, entry {ordinal} ({source}): its hash does not follow from the entry before it; "
            "the stored journal was changed: restore it from a backup or from the published books"
        )


def genesis(billing_period: str) -> str:
    """The head of an empty chain; each period has its own, so that its books stand alone."""
    return hashlib.sha256(f"apportion/ledger/{billing_period}".encode()).hexdigest()


def link(head: str, entry: Entry) -> str:
    """The head after one more entry, hex."""
    return hashlib.sha256(bytes.fromhex(head) + entry.canonical()).hexdigest()


def heads(billing_period: str, entries: Iterable[Entry]) -> list[str]:
    """The head after each entry."""
    head, result = genesis(billing_period), []
    for entry in entries:
        head = link(head, entry)
        result.append(head)
    return result


def verify(billing_period: str, entries: Sequence[Entry], stored: Sequence[str]) -> str:
    """Recompute the chain and return its head.

    Raises:
        ChainBroken: at the first entry whose stored hash does not follow.
    """
    head = genesis(billing_period)
    for ordinal, (entry, expected) in enumerate(zip(entries, stored, strict=True), start=1):
        head = link(head, entry)
        if head != expected:
            raise ChainBroken(billing_period, ordinal, entry.source)
    return head
