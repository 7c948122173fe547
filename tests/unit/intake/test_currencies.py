"""Rows keep their billing currency, and what they are priced in, virtual currencies included."""

from __future__ import annotations

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
