"""FOCUS's worked example of a correction, in each style: what consumers add up, and what the allocator makes of it.

May is closed, in July somebody finds that 300 of R-111's 1,500 belong to R-222, and June is the open month.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Bucket, Buckets
from services.allocator.lens import Lens
from services.allocator.loading import Bundle, load
from services.intake.domain.styles import Style
from shared.events import CostEvent, encode
from tests.unit.intake.desk import Desk
from tests.unit.intake.exports import charge, write_csv

MAY, JUNE = "2026-05", "2026-06"
RULES = Bundle(
    """
name: resources
effective_from: 2026-01
basis: EffectiveCost
cost_centers: owners.csv
rules:
  - {id: first, when: {column: ResourceId, equals: R-111}, assign: {cost_center: CC-1}}
  - {id: second, when: {column: ResourceId, equals: R-222}, assign: {cost_center: CC-2}}
fallback: {suspense: true}
""",
    {"owners.csv": "cost_center_id,name,owner\nCC-1,One,a@b.example\nCC-2,Two,a@b.example\n"},
)


def row(resource: str, cost: str, quantity: str, month: str = MAY, **values: str) -> dict[str, str]:
    """One charge of May, billed in some month."""
    following = {MAY: JUNE, JUNE: "2026-07"}[month]
    return charge(
        0, ResourceId=resource, BilledCost=cost, EffectiveCost=cost, ListCost=cost, ContractedCost=cost,
        PricingQuantity=quantity, ConsumedQuantity=quantity, BillingPeriodStart=f"{month}-01T00:00:00Z",
        BillingPeriodEnd=f"{following}-01T00:00:00Z", ChargePeriodStart="2026-05-01T00:00:00Z",
        ChargePeriodEnd="2026-06-01T00:00:00Z", InvoiceId=f"INV-{month}", Tags="", **values,
    )  # fmt: skip


def correction(resource: str, cost: str, quantity: str, **values: str) -> dict[str, str]:
    return row(resource, cost, quantity, JUNE, ChargeClass="Correction", **values)


ORIGINAL = row("R-111", "1500", "1000")
DELTA = [correction("R-111", "-300", "-200"), correction("R-222", "300", "200")]
LEDGER = [
    correction("R-111", "-1500", "-1000"), correction("R-111", "1200", "800"), correction("R-222", "300", "200"),
]  # fmt: skip


def by_resource(events: list[CostEvent], column: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        sums[str(event.charge["ResourceId"])] += Decimal(str(event.charge[column]))
    return dict(sums)


def allocated(events: list[CostEvent], billing_period: str) -> dict[str, Decimal]:
    """EffectiveCost by cost center, from the bytes of the events through the allocator's lens, buckets and rules."""
    lens = Lens().with_dimensions(["ResourceId"])
    projection = lens.projection().compile()
    rows = [
        Bucket(projection.key(event)[1:], event.charge.BilledCost, event.charge.EffectiveCost, events=1)
        for event in map(projection.decode, map(encode, events))
        if event.billing_period == billing_period
    ]
    lines = allocate(Buckets(billing_period, lens.dimensions, rows), load(RULES).rule_set, {"CC-1", "CC-2"})
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line.cost_center] += line.effective_cost
    return dict(sums)


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("rows", [DELTA, LEDGER], ids=["delta", "ledger"])
def test_a_correction_moves_cost_in_the_open_month_and_leaves_the_closed_one(
    tmp_path: Path, rows: list[dict[str, str]], style: Style
) -> None:
    desk = Desk(tmp_path)
    events = list(desk.deliver(write_csv(tmp_path / "may.csv", [ORIGINAL]), style=style).events)
    corrected = desk.deliver(write_csv(tmp_path / "june.csv", rows), style=style)
    assert {(one.billing_period, one.charge_day, one.kind) for one in corrected.events} == {
        (JUNE, "2026-05-01", "charge")
    }
    assert {(one.charge["ChargeClass"], one.charge["InvoiceId"]) for one in corrected.events} == {
        ("Correction", "INV-2026-06")
    }
    assert corrected.billed() == 0
    assert [(one.billing_period, one.billed_cost) for one in corrected.prepared.published] == [(JUNE, Decimal(0))]
    events += corrected.events
    assert by_resource(events, "BilledCost") == {"R-111": Decimal(1200), "R-222": Decimal(300)}
    assert by_resource(events, "ConsumedQuantity") == {"R-111": Decimal(800), "R-222": Decimal(200)}
    assert allocated(events, MAY) == {"CC-1": Decimal(1500)}
    assert allocated(events, JUNE) == {"CC-1": Decimal(-300), "CC-2": Decimal(300)}


def test_replacement_restates_the_month_itself(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    events = list(desk.deliver(write_csv(tmp_path / "may.csv", [ORIGINAL])).events)
    replaced = [row("R-111", "1200", "800"), row("R-222", "300", "200")]
    events += desk.deliver(write_csv(tmp_path / "may-again.csv", replaced)).events
    assert [one.kind for one in events].count("retraction") == 1
    assert by_resource(events, "EffectiveCost") == {"R-111": Decimal(1200), "R-222": Decimal(300)}
    assert allocated(events, MAY) == {"CC-1": Decimal(1200), "CC-2": Decimal(300)}


def test_a_correction_of_the_cost_alone_needs_no_quantity_and_no_price(tmp_path: Path) -> None:
    bare = correction("R-111", "-1.5", "", PricingUnit="", ListUnitPrice="", SkuId="", ConsumedUnit="")
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "june.csv", [bare]))
    assert (outcome.rejections, outcome.billed()) == ([], Decimal("-1.5"))
    assert "PricingQuantity" not in outcome.events[0].charge
