"""What a comparison of two allocations says."""

from __future__ import annotations

from decimal import Decimal

from services.allocator.domain.lines import Flow, Kind, Line, Share
from services.allocator.domain.simulation import Amounts, compare

ORIGIN = ("P", "i", "P", "s", "b", None, "Usage", None)


def line(cost_center: str, billed: str, effective: str, *, path: tuple[str, ...] = (), currency: str = "USD") -> Line:
    flow = Flow("2026-01", currency, ORIGIN, "rule", path)
    kind: Kind = "suspense" if cost_center == "SUSPENSE" else "shared" if path else "direct"
    share = Share(Decimal(1), Decimal(2)) if path else None
    return Line(flow.allocation_id(cost_center), flow, cost_center, kind, Decimal(billed), Decimal(effective), share)


BEFORE = [
    line("A", "6", "60"), line("B", "1", "10", path=("p",)), line("SUSPENSE", "3", "30"),
    line("A", "1", "1", currency="EUR"),
]  # fmt: skip
AFTER = [line("A", "2", "20"), line("B", "8", "80", path=("p",)), line("A", "1", "1", currency="EUR")]


def test_each_cost_center_has_direct_and_shared_before_and_after_in_the_basis() -> None:
    found = compare(BEFORE, AFTER, "EffectiveCost")

    assert [(one.name, one.currency, one.change) for one in found.cost_centers] == [
        ("A", "EUR", Decimal(0)), ("A", "USD", Decimal(-40)), ("B", "USD", Decimal(70)),
        ("SUSPENSE", "USD", Decimal(-30)),
    ]  # fmt: skip
    assert (found.cost_centers[2].before, found.cost_centers[2].after) == (
        Amounts(shared=Decimal(10)), Amounts(shared=Decimal(80)),
    )  # fmt: skip
    assert compare(BEFORE, AFTER, "BilledCost").cost_centers[2].change == 7


def test_what_changes_hands_is_counted_once_and_suspense_is_said() -> None:
    euro, dollar = compare(BEFORE, AFTER, "EffectiveCost").totals

    assert [str(one) for one in (euro.total, euro.moved)] == ["1", "0"]
    said = (dollar.total, dollar.moved, dollar.suspense_before, dollar.suspense_after)
    assert [str(one) for one in said] == ["100", "70", "30", "0"]


def test_movers_are_the_largest_changes_either_way_and_nobody_who_stays() -> None:
    found = compare(BEFORE, AFTER, "EffectiveCost")

    assert [one.name for one in found.movers()] == ["B", "A", "SUSPENSE"]
    assert [one.name for one in found.movers(1)] == ["B"]


def test_pools_rules_and_lines_are_compared_too() -> None:
    found = compare(BEFORE, AFTER, "EffectiveCost")

    assert [(one.name, one.change) for one in found.pools] == [("p", Decimal(70))]
    assert [(one.name, one.currency, one.change) for one in found.rules] == [
        ("rule", "EUR", Decimal(0)),
        ("rule", "USD", Decimal(0)),
    ]
    assert (found.lines_before, found.lines_after, found.lines_changed) == (4, 3, 3)
    assert compare(BEFORE, BEFORE, "BilledCost").lines_changed == 0
