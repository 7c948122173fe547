"""Whatever documents a month has, its books balance; and no edit of a posted journal stays unseen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.chain import ChainBroken, heads, verify
from services.ledger.domain.entries import Entry, Posting
from services.ledger.domain.facts import (
    AllocationTotal,
    Basis,
    CostTotal,
    DeliveryFact,
    Document,
    Month,
    ProviderInvoice,
)
from services.ledger.domain.invariants import check_books
from services.ledger.domain.posting import journal
from services.ledger.domain.reconciliation import reconcile
from services.ledger.domain.trial_balance import residues, trial_balance
from shared.apportion import split
from shared.money import add, from_units, minor_unit, round_half_even
from shared.money import total as total_of

AMOUNTS = st.integers(-(10**35), 10**35).map(from_units)
CURRENCIES = st.sampled_from(["USD", "JPY", "BHD"])
ISSUERS = st.sampled_from(["AWS", "Microsoft Corporation", ""])
CENTERS = st.sampled_from(["CC-100", "CC 200", "ä"])
BASES = st.sampled_from(["BilledCost", "EffectiveCost"])
INVOICE_IDS = st.sampled_from([None, "I1", "I2"])

costs = st.builds(
    CostTotal, st.sampled_from(["d1", "d2"]), CURRENCIES, ISSUERS, INVOICE_IDS, st.integers(-5, 10**6), AMOUNTS, AMOUNTS
)
anything = st.builds(
    Month,
    billing_period=st.just("2026-01"),
    deliveries=st.just((DeliveryFact("d1", "a", 1), DeliveryFact("d2", "b", 1))),
    costs=st.lists(costs, max_size=6).map(tuple),
    provider_invoices=st.lists(
        st.builds(
            ProviderInvoice, ISSUERS, st.sampled_from(["I1", "I2"]), CURRENCIES, AMOUNTS,
            st.sampled_from(["Open", "Issued", "Voided"]),
        ),
        max_size=4,
    ).map(tuple),
    basis=BASES,
    allocations=st.lists(
        st.builds(
            AllocationTotal, CURRENCIES, CENTERS, st.sampled_from(["direct", "shared", "suspense"]), ISSUERS,
            INVOICE_IDS, st.just(1), AMOUNTS, AMOUNTS,
        ),
        max_size=6,
    ).map(tuple),
    documents=st.lists(
        st.tuples(CURRENCIES, CENTERS, AMOUNTS, st.integers(0, 10**6)).map(
            lambda d: Document(
                f"IC-2026-{d[3]:06d}", d[0], d[1], round_half_even(d[2], minor_unit(d[0])), d[2],
                add(round_half_even(d[2], minor_unit(d[0])), d[2].copy_negate()),
            )
        ),
        max_size=4,
    ).map(tuple),
)  # fmt: skip


@given(anything)
def test_the_books_of_any_documents_balance_per_currency(month: Month) -> None:
    assert not any(residues(trial_balance(journal(month))).values())


@given(anything, st.randoms())
def test_the_journal_does_not_depend_on_the_order_of_the_facts(month: Month, random: Any) -> None:
    def shuffled(facts: tuple[Any, ...] | None) -> tuple[Any, ...]:
        return tuple(random.sample(facts or (), len(facts or ())))

    other = replace(
        month,
        costs=shuffled(month.costs),
        allocations=shuffled(month.allocations),
        deliveries=shuffled(month.deliveries),
    )

    assert [one.canonical() for one in journal(month)] == [one.canonical() for one in journal(other)]


PLACES: tuple[tuple[str, Literal["direct", "shared", "suspense"]], ...] = (
    ("CC-100", "direct"),
    ("CC 200", "shared"),
    ("SUSPENSE", "suspense"),
)


def allocated(cost: CostTotal, weights: list[Decimal]) -> list[AllocationTotal]:
    """The cost split over two cost centers and suspense."""
    parts = zip(split(cost.billed, weights, "abc"), split(cost.effective, weights, "abc"), strict=True)
    return [
        AllocationTotal(cost.currency, center, kind, cost.issuer, cost.invoice_id, 1, billed, effective)
        for (center, kind), (billed, effective) in zip(PLACES, parts, strict=True)
    ]


def invoiced(lines: list[AllocationTotal], basis: Basis) -> list[Document]:
    """One document per currency and cost center, rounded."""
    documents = []
    places = sorted({(one.currency, one.cost_center) for one in lines if one.kind != "suspense"})
    for number, place in enumerate(places, start=1):
        exact = total_of(one.amount(basis) for one in lines if (one.currency, one.cost_center) == place)
        rounded = round_half_even(exact, minor_unit(place[0]))
        documents.append(Document(f"IC-2026-{number:06d}", *place, rounded, exact, add(rounded, exact.copy_negate())))
    return documents


def place_of(cost: CostTotal) -> tuple[object, ...]:
    """What a cost total is known by."""
    return cost.delivery_id, cost.currency, cost.issuer, cost.invoice_id


@st.composite
def consistent(draw: Any) -> Month:
    """A month whose later stages are derived from its costs, as right services would."""
    found, basis = draw(st.lists(costs, min_size=1, max_size=5, unique_by=place_of)), draw(BASES)
    weights = [Decimal(draw(st.integers(1, 9))) for _ in PLACES]
    lines = [line for cost in found for line in allocated(cost, weights)]
    return Month(
        billing_period="2026-01", deliveries=(DeliveryFact("d1", "a", 1), DeliveryFact("d2", "b", 1)),
        costs=tuple(found), basis=basis, allocations=tuple(lines), documents=tuple(invoiced(lines, basis)),
    )  # fmt: skip


@given(consistent())
def test_a_month_of_right_services_reconciles_and_its_books_hold(month: Month) -> None:
    assert reconcile(month).breaks == []
    assert check_books(month, journal(month)) == []


@given(consistent(), st.data())
def test_one_unit_anywhere_in_the_allocations_is_a_break(month: Month, data: st.DataObject) -> None:
    lines = list(month.allocations or ())
    place = data.draw(st.integers(0, len(lines) - 1))
    unit = from_units(data.draw(st.sampled_from([1, -1])))
    lines[place] = replace(lines[place], billed=add(lines[place].billed, unit))

    assert reconcile(replace(month, allocations=tuple(lines))).breaks


def edited(entries: list[Entry], data: st.DataObject) -> list[Entry]:
    """A journal after one edit: an amount moved, a text changed, an entry dropped, doubled or swapped."""
    place = data.draw(st.integers(0, len(entries) - 1))
    entry, how = entries[place], data.draw(st.sampled_from(["shift", "text", "swap", "party"]))
    if how == "swap" and len(entries) > 1:
        other = (place + 1) % len(entries)
        entries[place], entries[other] = entries[other], entries[place]
    elif how == "shift":
        first, second, *rest = entry.postings
        moved = (
            first._replace(amount=add(first.amount, from_units(1))),
            second._replace(amount=add(second.amount, from_units(-1))),
        )
        entries[place] = replace(entry, postings=(*moved, *rest))
    elif how == "party":
        first, *rest = entry.postings
        entries[place] = replace(entry, postings=(Posting(first.chart, f"{first.party}!", first.amount), *rest))
    else:
        entries[place] = replace(entry, description=f"{entry.description}.")
    return entries


@given(consistent(), st.data())
def test_the_chain_detects_any_edit(month: Month, data: st.DataObject) -> None:
    entries = journal(month)
    chain = heads("2026-01", entries)
    assert verify("2026-01", entries, chain) == chain[-1]

    with pytest.raises(ChainBroken):
        verify("2026-01", edited(list(entries), data), chain)
