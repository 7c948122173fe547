"""The worked examples of FOCUS for corrections: four mistakes, in every correction style and state of the month.

The numbers are those of the specification's appendix on correction handling (1.4, CC-BY-4.0, the FinOps Foundation):
cost on the wrong resource, usage that comes late, and rounding drift that is corrected per price or in one row.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from services.intake.domain.styles import Style
from shared.events import CostEvent
from tests.unit.intake.desk import Desk, Outcome
from tests.unit.intake.exports import charge, write_csv

SUMMED: Final = ("EffectiveCost", "BilledCost", "ContractedCost", "ListCost", "PricingQuantity", "ConsumedQuantity")
Row = dict[str, str]


class Month(NamedTuple):
    """When something was charged, in which month the correction is billed, and how it is marked."""

    charged: str
    billed: str
    marked: str


MONTHS: Final = {
    "current": Month("2025-07", "2025-07", ""),
    "previous, still open": Month("2025-06", "2025-06", ""),
    "closed": Month("2025-05", "2025-06", "Correction"),
}
FOLLOWING: Final = {"2025-05": "2025-06", "2025-06": "2025-07", "2025-07": "2025-08"}


class Line(NamedTuple):
    """A row of an example: its cost at contracted and at list prices, and what the prices are for."""

    resource: str
    cost: str
    list_cost: str
    quantity: str
    sku: str = "USG-123"
    category: str = "Usage"
    prices: tuple[str, str] = ("1.5", "2")

    def row(self, month: Month, *, corrects: bool) -> Row:
        """As FOCUS writes it: a correction is billed in its own month, and charged when it was incurred."""
        billed = month.billed if corrects else month.charged
        unit = "Hours" if self.quantity else ""
        return charge(
            0, ChargeDescription="Compute Usage record", ChargeCategory=self.category,
            ChargeClass=month.marked if corrects else "", ResourceId=self.resource, Tags="",
            BillingPeriodStart=f"{billed}-01T00:00:00Z", BillingPeriodEnd=f"{FOLLOWING[billed]}-01T00:00:00Z",
            ChargePeriodStart=f"{month.charged}-01T00:00:00Z", ChargePeriodEnd=f"{month.charged}-01T01:00:00Z",
            InvoiceId=f"INV-{billed}", EffectiveCost=self.cost, BilledCost=self.cost, ContractedCost=self.cost,
            ListCost=self.list_cost, ContractedUnitPrice=self.prices[0], ListUnitPrice=self.prices[1],
            PricingQuantity=self.quantity, ConsumedQuantity=self.quantity, PricingUnit=unit, ConsumedUnit=unit,
            SkuId=self.sku, SkuPriceId=self.sku and f"{self.sku}-01",
        )  # fmt: skip


LOW: Final = ("0.233", "0.333")
MISPLACED: Final = [Line("R-111", "1500", "2000", "1000")]
RIGHT: Final = [Line("R-111", "1200", "1600", "800"), Line("R-222", "300", "400", "200")]
LATE: Final = [Line("", "1500", "2000", "1000")]
ROUNDED: Final = [
    Line(resource, "0.699233", "0.999333", "3.001", sku, prices=LOW)
    for sku in ("USG-123", "USG-456")
    for resource in ("R-201", "R-202", "R-203")
]
PER_PRICE: Final = [Line("", "0.001", "0.001", "", sku, "Adjustment", LOW) for sku in ("USG-123", "USG-456")]
IN_ONE: Final = [Line("", "0.002", "0.002", "", "", "Adjustment", ("", ""))]


class Example(NamedTuple):
    """What was delivered before, the rows of each style that append, and the month as a replacement delivers it."""

    original: list[Line]
    delta: list[Line]
    ledger: list[Line]
    replacement: list[Line]


EXAMPLES: Final = {
    "wrong resource": Example(
        MISPLACED, [Line("R-111", "-300", "-400", "-200"), RIGHT[1]],
        [Line("R-111", "-1500", "-2000", "-1000"), *RIGHT], RIGHT,
    ),
    "late usage": Example([], LATE, LATE, LATE),
    "drift per price": Example(ROUNDED, PER_PRICE, PER_PRICE, [*ROUNDED, *PER_PRICE]),
    "drift in one row": Example(ROUNDED, IN_ONE, IN_ONE, [*ROUNDED, *IN_ONE]),
}  # fmt: skip


Key = tuple[str, str, str]


def sums(events: list[CostEvent]) -> dict[Key, dict[str, Decimal]]:
    """Sums of what can be added up by example, resource and SKU, without those that came to nothing."""
    found: dict[Key, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(SUMMED, Decimal(0)))
    for event in events:
        kept = found[_text(event, "BillingAccountId"), _text(event, "ResourceId"), _text(event, "SkuId")]
        for name in SUMMED:
            kept[name] += Decimal(str(event.charge.get(name, 0)))
    return {key: kept for key, kept in found.items() if any(kept.values())}


def expected() -> dict[Key, dict[str, Decimal]]:
    """What is right at the end, in every style."""
    found: dict[Key, dict[str, Decimal]] = {}
    for name, example in EXAMPLES.items():
        for line in example.replacement:
            cost, quantity = Decimal(line.cost), Decimal(line.quantity or 0)
            amounts = (cost, cost, cost, Decimal(line.list_cost), quantity, quantity)
            found[name, line.resource, line.sku] = dict(zip(SUMMED, amounts, strict=True))
    return found


def rows(which: str, month: Month, *, corrects: bool) -> list[Row]:
    """One list of every example: each mistake happened to a payer of its own."""
    return [
        line.row(month, corrects=corrects) | {"BillingAccountId": name}
        for name, example in EXAMPLES.items()
        for line in getattr(example, which)
    ]


def deliver(tmp_path: Path, delivery: Style, *files: list[Row]) -> list[Outcome]:
    desk = Desk(tmp_path / "data")
    found = [desk.deliver(write_csv(tmp_path / f"{at}.csv", each), style=delivery) for at, each in enumerate(files)]
    assert [one.rejections for one in found] == [[]] * len(found)
    return found


def _text(event: CostEvent, name: str) -> str:
    return str(event.charge.get(name, ""))


@pytest.mark.parametrize("delivery", Style)
@pytest.mark.parametrize("style", ["delta", "ledger"])
@pytest.mark.parametrize("month", MONTHS.values(), ids=list(MONTHS))
def test_corrections_that_append_add_up_to_what_is_right(
    tmp_path: Path, month: Month, style: str, delivery: Style
) -> None:
    original = rows("original", month, corrects=False)
    correction = rows(style, month, corrects=True)
    overwrites_an_open_month = delivery is Style.OVERWRITE and not month.marked
    first, second = deliver(
        tmp_path, delivery, original, [*original, *correction] if overwrites_an_open_month else correction
    )
    events = [*first.events, *second.events]
    assert {event.kind for event in events} == {"charge"}
    assert len(second.events) == len(correction)
    assert sums(events) == expected()
    assert {(one.billing_period, one.charge_day) for one in second.events} == {(month.billed, f"{month.charged}-01")}
    assert {(_text(one, "ChargeClass"), _text(one, "InvoiceId")) for one in second.events} == {
        (month.marked, f"INV-{month.billed}")
    }
    assert {_text(one, "ChargePeriodEnd") for one in events} == {f"{month.charged}-01T01:00:00Z"}
    assert "cost-price-mismatch" not in {flag for event in events for flag in event.flags}


@pytest.mark.parametrize("month", [MONTHS["current"], MONTHS["previous, still open"]], ids=["current", "previous"])
def test_a_replacement_is_the_right_month_and_nothing_else(tmp_path: Path, month: Month) -> None:
    before = rows("original", month, corrects=False)
    first, second = deliver(tmp_path, Style.OVERWRITE, before, rows("replacement", month, corrects=True))
    events = [*first.events, *second.events]
    assert sums(events) == expected()
    assert {one.billing_period for one in events} == {month.billed}
    assert [_text(one, "BillingAccountId") for one in second.events if one.kind == "retraction"] == ["wrong resource"]
    assert len(second.events) == 1 + len(RIGHT) + len(LATE) + len(PER_PRICE) + len(IN_ONE)


@pytest.mark.parametrize("style", ["delta", "ledger"])
def test_the_closed_month_keeps_its_sum_and_the_open_one_takes_the_difference(tmp_path: Path, style: str) -> None:
    month = MONTHS["closed"]
    files = (rows("original", month, corrects=False), rows(style, month, corrects=True))
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for event in (event for outcome in deliver(tmp_path, Style.APPEND, *files) for event in outcome.events):
        found[event.billing_period, _text(event, "BillingAccountId")] += Decimal(_text(event, "BilledCost"))
    drift = Decimal("4.195398")
    assert found == {
        ("2025-05", "wrong resource"): Decimal(1500), ("2025-06", "wrong resource"): Decimal(0),
        ("2025-06", "late usage"): Decimal(1500),
        ("2025-05", "drift per price"): drift, ("2025-06", "drift per price"): Decimal("0.002"),
        ("2025-05", "drift in one row"): drift, ("2025-06", "drift in one row"): Decimal("0.002"),
    }  # fmt: skip
