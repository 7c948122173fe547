"""The five stages of a month, and what its books must hold."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from services.ledger.domain.accounts import Chart
from services.ledger.domain.entries import Entry, Posting
from services.ledger.domain.facts import Document, Month
from services.ledger.domain.invariants import check_books
from services.ledger.domain.posting import journal
from services.ledger.domain.reconciliation import reconcile
from tests.unit.ledger.months import AWS, month

D = Decimal


def codes(found: Month) -> list[tuple[str, str]]:
    """Code and key of every break of a month."""
    return [(one.code, one.key) for one in reconcile(found).breaks]


def changed(facts: tuple[object, ...], place: int, **changes: object) -> tuple[object, ...]:
    """The facts with one of them changed."""
    return (*facts[:place], replace(facts[place], **changes), *facts[place + 1 :])  # type: ignore[type-var]


def test_a_month_that_adds_up_has_no_breaks() -> None:
    found = reconcile(month())

    assert (found.breaks, found.notes) == ([], [])
    usd = found.stages[1]
    assert (usd.rows, usd.provider_invoiced, usd.suspense, usd.rounding) == (109, D("100.03"), D(1), D("0.005"))


def test_nothing_known_of_later_stages_is_a_note_and_not_a_break() -> None:
    found = reconcile(month(provider_invoices=(), allocations=None, documents=None))

    assert found.breaks == []
    assert [note.split(":")[0] for note in found.notes] == [
        "not reconciled to a provider invoice",
        "no allocation run covers these deliveries yet",
        "no internal invoices are issued yet",
    ]


def test_cost_moved_between_provider_invoices_by_the_allocator_is_a_break() -> None:
    lines = month().allocations
    assert lines is not None
    moved = changed(lines, 0, invoice_id="INV-2")

    keys = [key for code, key in codes(month(allocations=moved)) if code == "allocation-difference"]

    assert keys == [
        f"{AWS}/{number} {basis}" for basis in ("BilledCost", "EffectiveCost") for number in ("INV-1", "INV-2")
    ]


def test_the_other_basis_is_compared_too() -> None:
    lines = month().allocations
    assert lines is not None

    found = codes(month(allocations=changed(lines, 0, billed=D(50))))

    assert found == [("allocation-difference", f"{AWS}/INV-1 BilledCost")]


def test_cost_moved_between_cost_centers_by_chargeback_is_a_break_of_both() -> None:
    documents = (
        Document("IC-2026-000001", "JPY", "CC-100", D("1200"), D("1200"), D(0)),
        Document("IC-2026-000002", "USD", "CC-100", D("51.01"), D("51.006"), D("0.004")),
        Document("IC-2026-000003", "USD", "cc 200/ä", D("38.00"), D("37.999"), D("0.001")),
    )

    assert codes(month(documents=documents)) == [("invoice-difference", "CC-100"), ("invoice-difference", "cc 200/ä")]


def test_a_missing_invoice_is_a_break() -> None:
    documents = month().documents
    assert documents is not None

    assert codes(month(documents=documents[:2])) == [("invoice-difference", "cc 200/ä")]


def test_rounding_must_be_less_than_a_minor_unit_and_totals_whole() -> None:
    documents = month().documents
    assert documents is not None
    for wrong in (
        {"total": D("50.02"), "rounding": D("0.014")},
        {"total": D("50.006"), "rounding": D(0)},
        {"rounding": D("0.003")},
    ):
        assert ("rounding", "IC-2026-000002") in codes(month(documents=changed(documents, 1, **wrong)))


def test_the_books_of_a_month_that_adds_up_hold() -> None:
    for basis in ("EffectiveCost", "BilledCost"):
        found = month(basis=basis, documents=None) if basis == "BilledCost" else month()
        entries = journal(found)
        broken = {one.code for one in check_books(found, entries)}
        # On BilledCost this month's documents would not fit; only Unbilled may stay filled then.
        assert broken <= ({"account-not-empty"} if basis == "BilledCost" else set())
        assert all("Clearing" not in one.key for one in check_books(found, entries))


def test_a_wrong_posting_cannot_hide_behind_right_documents() -> None:
    extra = Entry(
        source="x", billing_period="2026-01", currency="USD", description="", reference="",
        postings=(Posting(Chart.RECEIVABLE, "CC-100", D(1)), Posting(Chart.CLEARING, AWS, D(-1))),
    )  # fmt: skip

    found = {(one.code, one.difference) for one in check_books(month(), [*journal(month()), extra])}

    assert found == {("account-not-empty", D(-1)), ("receivable-difference", D(1))}


def test_a_number_on_two_documents_is_a_break() -> None:
    documents = month().documents
    assert documents is not None
    twice = month(documents=(*documents, replace(documents[0], total=D(0), exact_total=D(0))))

    assert "duplicate-number" in {one.code for one in check_books(twice, journal(twice))}
