"""What an invoice says, line by line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.chargeback.domain.agreement import LineTotals, differences
from services.chargeback.domain.documents import DuplicateCharge, document_id, draw_up
from services.chargeback.domain.rounding import round_documents
from tests.unit.chargeback.builders import PERIOD, direct, origin, shared


def test_lines_stand_direct_before_shared_and_by_service() -> None:
    charges = [shared("s", "1"), direct("b", "2", origin("Storage")), direct("a", "3", origin("Compute"))]
    document = draw_up(PERIOD, "CC-1", "USD", "EffectiveCost", charges, Decimal(6))
    assert [(line.line, line.charge.allocation_id) for line in document.lines] == [(1, "a"), (2, "b"), (3, "s")]


def test_a_line_says_what_account_rule_pools_and_share() -> None:
    document = draw_up(PERIOD, "CC-1", "USD", "EffectiveCost", [direct("a", "3"), shared("s", "1")], Decimal(4))
    assert [line.description for line in document.lines] == [
        "Compute, Usage, account 111, assigned by rule by-team",
        "Support, Usage, account 111, shared through support > platform (weighted, 3 of 4), by rule support",
    ]


def test_totals_are_made_of_the_lines() -> None:
    document = draw_up(
        PERIOD, "CC-1", "USD", "EffectiveCost", [direct("a", "3.014"), shared("s", "1.003")], Decimal("4.02")
    )
    assert document.direct + document.shared == document.total == Decimal("4.02")
    assert document.rounding == Decimal("0.003")


def test_the_basis_decides_what_is_charged() -> None:
    charge = direct("a", "3")
    prepaid = type(charge)("b", "direct", Decimal(0), Decimal(7), origin(), "by-team")
    billed = draw_up(PERIOD, "CC-1", "USD", "BilledCost", [charge, prepaid], Decimal(3))
    assert [line.amount for line in billed.lines] == [Decimal(3), Decimal(0)]


def test_a_cost_center_whose_lines_net_to_zero_still_gets_a_document() -> None:
    assert round_documents({"CC-1": Decimal(0)}, "USD") == {"CC-1": Decimal(0)}
    document = draw_up(PERIOD, "CC-1", "USD", "EffectiveCost", [direct("a", "5"), direct("b", "-5")], Decimal(0))
    assert document.total == 0
    assert len(document.lines) == 2


def test_charging_an_allocation_twice_is_refused() -> None:
    with pytest.raises(DuplicateCharge, match="allocation a occurs twice"):
        draw_up(PERIOD, "CC-1", "USD", "EffectiveCost", [direct("a", "1"), direct("a", "1")], Decimal(2))


def test_an_id_depends_on_period_cost_center_and_currency_alone() -> None:
    ids = {document_id(*parts) for parts in [(PERIOD, "A", "USD"), (PERIOD, "A", "EUR"), ("2026-02", "A", "USD")]}
    assert len(ids) == 3
    assert document_id(PERIOD, "A", "USD") in ids


def test_missing_lines_are_named_with_what_the_run_says_and_what_is_there() -> None:
    claimed = {"USD": LineTotals(2, Decimal(5), Decimal(5)), "EUR": LineTotals(1, Decimal(1), Decimal(1))}
    own = {"USD": LineTotals(1, Decimal(5), Decimal("4.5")), "EUR": LineTotals(1, Decimal(1), Decimal(1))}
    assert differences(claimed, own) == [
        "USD lines: the run says 2, we have 1",
        "USD allocated_effective: the run says 5, we have 4.5",
    ]


def test_lines_that_the_run_does_not_know_are_a_difference_too() -> None:
    assert differences({}, {"USD": LineTotals(1)}) == ["USD lines: the run says 0, we have 1"]
