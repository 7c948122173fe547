"""Entries and their chain."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from services.ledger.domain.accounts import Chart
from services.ledger.domain.chain import ChainBroken, heads, verify
from services.ledger.domain.entries import Entry, Posting, Unbalanced, fixed
from services.ledger.domain.posting import journal
from tests.unit.ledger.months import month

D = Decimal


def test_an_unbalanced_entry_cannot_exist() -> None:
    legs = (
        Posting(Chart.CLEARING, "A", D("12345678901234567890.000000000000000001")),
        Posting(Chart.ACCRUED, "A", D(-1)),
    )
    with pytest.raises(Unbalanced) as caught:
        Entry("s", "2026-01", "USD", "", "", legs)
    assert caught.value.residue == D("12345678901234567889.000000000000000001")


def test_the_chain_names_the_first_entry_that_was_changed() -> None:
    entries = journal(month())
    chain = heads("2026-01", entries)
    assert verify("2026-01", entries, chain) == chain[-1]

    entries[4] = replace(entries[4], description=entries[4].description + " ")

    with pytest.raises(ChainBroken) as caught:
        verify("2026-01", entries, chain)
    assert caught.value.ordinal == 5


def test_the_hash_of_known_entries_never_changes() -> None:
    """Published books carry these hashes: a change of the canonical form would make them unverifiable."""
    entry = Entry(
        "invoice/IC-2026-000001", "2026-01", "USD", "Internal invoice", "IC-2026-000001",
        (Posting(Chart.RECEIVABLE, "CC-100", D("1.5")), Posting(Chart.UNBILLED, "CC-100", D("-1.500"))), "v1",
    )  # fmt: skip
    assert entry.canonical() == (
        b'["invoice/IC-2026-000001","2026-01","USD","Internal invoice","IC-2026-000001","v1",'
        b'[["Assets:Receivable:Internal","CC-100","1.500000000000000000"],'
        b'["Assets:Unbilled","CC-100","-1.500000000000000000"]]]'
    )


def test_fixed_point_text_keeps_every_digit_and_has_no_negative_zero() -> None:
    assert fixed(D("-12345678901234567890.123456789012345678")) == "-12345678901234567890.123456789012345678"
    assert fixed(D("-0.00")) == "0.000000000000000000"
    assert fixed(D("1e-18")) == "0.000000000000000001"
