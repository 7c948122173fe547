"""Rows keep their billing currency, and what they are priced in, virtual currencies included."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.intake.domain.styles import Style
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

PRICED = {
    "PricingCurrency": "Token", "PricingCurrencyContractedUnitPrice": "0.000123456789012345",
    "PricingCurrencyEffectiveCost": "1.5E3", "PricingCurrencyListUnitPrice": "2",
}  # fmt: skip
KEPT = PRICED | {"PricingCurrencyEffectiveCost": "1500"}


def test_amounts_of_several_currencies_are_never_added(tmp_path: Path) -> None:
    rows = [charge(n, BillingCurrency=currency) for n, currency in enumerate(["USD", "EUR", "JPY", "EUR"])]
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", rows))
    assert {(one.currency, one.events): one.billed_cost for one in outcome.prepared.published} == {
        ("EUR", 2): Decimal("4.5"), ("JPY", 1): Decimal("2.25"), ("USD", 1): Decimal("0.25"),
    }  # fmt: skip


@pytest.mark.parametrize("currency", ["Token", "DBU", "EUR", "AI Credits"])
def test_what_a_row_is_priced_in_passes_through(tmp_path: Path, currency: str) -> None:
    file = write_csv(tmp_path / "a.csv", [charge(1, **PRICED | {"PricingCurrency": currency})])
    desk = Desk(tmp_path)
    outcome = desk.deliver(file)
    (event,) = outcome.events
    assert {name: event.charge[name] for name in KEPT} == KEPT | {"PricingCurrency": currency}
    archived = pq.read_table(desk.archive.rows(outcome.delivery_id, "2026-01"))
    assert archived["PricingCurrencyEffectiveCost"][0].as_py() == Decimal(1500)
    assert desk.deliver(file).events == []


def test_a_retraction_negates_the_cost_in_the_pricing_currency_and_no_price(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.deliver(write_csv(tmp_path / "a.csv", [charge(1, **PRICED), charge(2, **PRICED)]))
    (gone,) = desk.deliver(write_csv(tmp_path / "b.csv", [charge(2, **PRICED)])).events
    assert {name: gone.charge[name] for name in KEPT} == KEPT | {"PricingCurrencyEffectiveCost": "-1500"}


@pytest.mark.parametrize("style", Style)
def test_a_virtual_currency_is_no_billing_currency(tmp_path: Path, style: Style) -> None:
    rows = [charge(1), charge(2, BillingCurrency="Token")]
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", rows), style=style)
    assert [(one.line, one.column, one.value) for one in outcome.rejections] == [(3, "BillingCurrency", "Token")]


TOKENS = {
    # payer: (USD for a token contracted and listed; tokens bought; tokens an execution, contracted and listed)
    "no discount": ("2", "2", "100000", {"245": ("1", "1"), "5": ("2", "2"), "120": ("3", "3")}),
    "tokens at half price": ("1", "2", "100000", {"245": ("1", "1"), "5": ("2", "2"), "120": ("3", "3")}),
    "one service cheaper too": ("1", "2", "100000", {"245": ("1", "1"), "5": ("2", "2"), "120": ("2", "3")}),
}


def bought(payer: str) -> dict[str, str]:
    contracted, listed, tokens, _ = TOKENS[payer]
    cost, list_cost = str(Decimal(contracted) * Decimal(tokens)), str(Decimal(listed) * Decimal(tokens))
    return charge(
        0, BillingAccountId=payer, ChargeCategory="Purchase", ChargeFrequency="One-Time", BilledCost=cost,
        EffectiveCost="0.00", ContractedCost=cost, ListCost=list_cost, ContractedUnitPrice=contracted,
        ListUnitPrice=listed, PricingQuantity=tokens, PricingUnit="Token", PricingCurrency="USD",
        PricingCurrencyContractedUnitPrice=contracted, PricingCurrencyEffectiveCost="0",
        PricingCurrencyListUnitPrice=listed,
    )  # fmt: skip


def consumed(payer: str, executions: str) -> dict[str, str]:
    contracted, listed, _, rates = TOKENS[payer]
    rate, list_rate = rates[executions]
    price, list_price = Decimal(contracted) * Decimal(rate), Decimal(listed) * Decimal(list_rate)
    cost = f"{price * Decimal(executions):.2f}"
    return charge(
        0, BillingAccountId=payer, BilledCost="0.00", EffectiveCost=cost, ContractedCost=cost,
        ListCost=f"{list_price * Decimal(executions):.2f}", ContractedUnitPrice=str(price),
        ListUnitPrice=str(list_price), PricingQuantity=executions, PricingUnit="Execution", PricingCurrency="Token",
        PricingCurrencyContractedUnitPrice=rate, PricingCurrencyListUnitPrice=list_rate,
        PricingCurrencyEffectiveCost=str(Decimal(rate) * Decimal(executions)),
    )  # fmt: skip


def test_the_specifications_tokens_are_billed_in_dollars_and_consumed_in_tokens(tmp_path: Path) -> None:
    """The virtual currency examples of FOCUS (CC-BY-4.0): bought in advance, consumed on the first day."""
    rows = [row for payer in TOKENS for row in (bought(payer), *(consumed(payer, n) for n in TOKENS[payer][3]))]
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", rows))
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for event in outcome.events:
        assert event.flags == []
        payer, priced_in = str(event.charge["BillingAccountId"]), str(event.charge["PricingCurrency"])
        for name in ("BilledCost", "EffectiveCost", "PricingCurrencyEffectiveCost"):
            found[payer, priced_in, name] += Decimal(str(event.charge[name]))
    expected = {
        "no discount": (200_000, 1_230, 615), "tokens at half price": (100_000, 615, 615),
        "one service cheaper too": (100_000, 495, 495),
    }  # fmt: skip
    for payer, (billed, effective, tokens) in expected.items():
        assert found[payer, "USD", "BilledCost"] == billed
        assert found[payer, "Token", "EffectiveCost"] == effective
        assert found[payer, "Token", "PricingCurrencyEffectiveCost"] == tokens
    assert [(one.currency, one.billed_cost) for one in outcome.prepared.published] == [("USD", Decimal(400_000))]
