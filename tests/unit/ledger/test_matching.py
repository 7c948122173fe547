"""Stage A against stage B."""

from __future__ import annotations

from decimal import Decimal

from services.ledger.domain.breaks import invoice_breaks
from services.ledger.domain.facts import CostTotal, ProviderInvoice
from services.ledger.domain.matching import Match, match

D = Decimal


def cost(issuer: str, invoice_id: str | None, billed: str, rows: int = 10, delivery: str = "d1") -> CostTotal:
    """Cost of one issuer and invoice."""
    return CostTotal(delivery, "USD", issuer, invoice_id, rows, D(billed), D(billed))


def invoice(issuer: str, invoice_id: str, amount: str, status: str = "Issued") -> ProviderInvoice:
    """A provider invoice."""
    return ProviderInvoice(issuer, invoice_id, "USD", D(amount), status)  # type: ignore[arg-type]


def codes(matches: list[Match]) -> list[tuple[str, str]]:
    """Code and key of every break."""
    return [(found.code, found.key) for one in matches for found in invoice_breaks(one)]


def test_matches_invoice_by_invoice_when_all_costs_carry_an_invoice_id() -> None:
    costs = [cost("AWS", "I1", "10"), cost("AWS", "I1", "5", delivery="d2"), cost("AWS", "I2", "7")]

    found = match(costs, [invoice("AWS", "I1", "15"), invoice("AWS", "I2", "7")])

    assert [(one.key, one.rows, one.difference) for one in found] == [("AWS/I1", 20, D(0)), ("AWS/I2", 10, D(0))]


def test_matches_the_issuer_as_a_whole_when_some_costs_carry_none() -> None:
    costs = [cost("AWS", "I1", "10"), cost("AWS", None, "7")]

    found = match(costs, [invoice("AWS", "I1", "10"), invoice("AWS", "I2", "7")])

    assert [(one.key, one.billed, one.invoiced) for one in found] == [("AWS", D(17), D(17))]


def test_fully_retracted_rows_without_invoice_id_do_not_spoil_the_match() -> None:
    costs = [cost("AWS", None, "10"), cost("AWS", None, "-10", rows=-10, delivery="d2"), cost("AWS", "I1", "10")]

    assert [one.key for one in match(costs, [invoice("AWS", "I1", "10")])] == ["AWS/I1"]


def test_without_any_provider_invoice_nothing_is_matched() -> None:
    assert match([cost("AWS", None, "10")], []) == []
    assert match([cost("AWS", None, "10")], [invoice("AWS", "I1", "10", "Voided")]) == []


def test_once_one_is_known_every_issuer_with_cost_needs_one() -> None:
    costs = [cost("AWS", None, "10"), cost("Azure", None, "10"), cost("Dust", None, "0.004")]

    assert codes(match(costs, [invoice("AWS", "I1", "10")])) == [("provider-invoice-missing", "Azure")]


def test_the_tolerance_belongs_to_the_number_of_rows() -> None:
    assert codes(match([cost("AWS", None, "11", rows=5)], [invoice("AWS", "I1", "10")])) == []
    assert codes(match([cost("AWS", None, "11.000000000000000001", rows=5)], [invoice("AWS", "I1", "10")])) == [
        ("provider-invoice-difference", "AWS")
    ]
    assert codes(match([cost("AWS", None, "15", rows=1_000_000)], [invoice("AWS", "I1", "10")])) == []


def test_an_invoice_without_costs_and_an_open_one_are_breaks() -> None:
    found = codes(match([cost("AWS", "I1", "10")], [invoice("AWS", "I1", "10", "Open"), invoice("AWS", "I2", "7")]))

    assert found == [("provider-invoice-open", "AWS/I1"), ("provider-invoice-difference", "AWS/I2")]
