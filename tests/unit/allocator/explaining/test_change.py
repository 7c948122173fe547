"""The change of a cost center from month to month, each part by figures that are worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.allocator.domain.pool import Even, Pool, Proportional
from services.allocator.domain.rule_set import SUSPENSE, Leaf, Lookup, Rule, RuleSet, Target
from services.allocator.explaining.change import PARTS, Month, change_of
from services.allocator.loading import LoadedRuleSet
from services.allocator.loading.cost_centers import CostCenterRow
from services.allocator.simulating.simulate import Side
from tests.unit.allocator.archive import charge, write_archive

JANUARY, FEBRUARY = "2026-01", "2026-02"
A, B = (Target("cost_center", name) for name in "AB")
CENTERS = {name: CostCenterRow(name, name, "") for name in "AB"}
BY_TEAM = Rule("by-team", Lookup("tag:team"))
NETWORK = Rule("network", Target("pool", "network"), Leaf("ServiceName", "in", ("network",)))


def side(*rules: Rule, pool: Pool | None = None) -> Side:
    rule_set = RuleSet("r", JANUARY, "EffectiveCost", rules or (BY_TEAM,), SUSPENSE, (pool,) if pool else ())
    return Side(LoadedRuleSet(rule_set, "v", CENTERS, {}, {}))


def used(billed: str, quantity: str | None, sku: str = "vm", month: str = FEBRUARY, **columns: Any) -> dict[str, Any]:
    return charge(billed, quantity=quantity, SkuPriceId=sku, day=f"{month}-03", **({"tags": {"team": "A"}} | columns))


def change(tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]], was: Side, now: Side) -> Any:
    write_archive(tmp_path, before, JANUARY)
    write_archive(tmp_path, after, FEBRUARY)
    (found,) = change_of(tmp_path, "A", Month(JANUARY, was), Month(FEBRUARY, now))
    assert sum(map(Decimal, found["parts"].values())) == Decimal(found["change"])
    assert list(found["parts"]) == list(PARTS)
    return {name: part for name, part in found["parts"].items() if part != "0"}


def test_twice_as_much_for_half_more_each(tmp_path: Path) -> None:
    """10 units at 1.00, then 20 at 1.50: 10.00 more for quantity, and 0.50 more for each of 20."""
    parts = change(tmp_path, [used("10", "10", month=JANUARY)], [used("30", "20")], side(), side())

    assert parts == {"volume": "10", "price": "10"}


def test_what_is_new_or_gone_is_volume(tmp_path: Path) -> None:
    before = [used("7", "1", "gone", JANUARY), used("1", "1", month=JANUARY)]

    parts = change(tmp_path, before, [used("1", "1"), used("5", "2", "new")], side(), side())

    assert parts == {"volume": "-2"}


def test_what_has_no_quantity_changes_in_price(tmp_path: Path) -> None:
    assert change(tmp_path, [used("7", None, month=JANUARY)], [used("9", None)], side(), side()) == {"price": "2"}


def test_one_off_charges_and_corrections_are_apart(tmp_path: Path) -> None:
    before = [used("1", "1", month=JANUARY), used("100", "1", month=JANUARY, ChargeFrequency="One-Time")]
    after = [used("1", "1"), used("-30", "1", ChargeClass="Correction")]

    assert change(tmp_path, before, after, side(), side()) == {"one_off": "-130"}


def test_another_rule_set_is_a_part_of_its_own(tmp_path: Path) -> None:
    before, after = ([used("8", "4", month=month, ServiceName="network")] for month in (JANUARY, FEBRUARY))

    parts = change(tmp_path, before, after, side(), side(NETWORK, BY_TEAM, pool=Pool("network", Even((A, B)))))

    assert parts == {"rule": "-4"}


def test_others_who_spend_more_make_a_proportional_share_smaller(tmp_path: Path) -> None:
    """A and B had 5 each of the network's 10; B uses three times as much now, so A has a quarter of it."""
    shared = side(NETWORK, BY_TEAM, pool=Pool("network", Proportional((A, B))))

    def month(name: str, of_b: str) -> list[dict[str, Any]]:
        return [
            used("10", "1", month=name, ServiceName="network"), used("5", "5", month=name),
            used(of_b, of_b, month=name, tags={"team": "B"}),
        ]  # fmt: skip

    assert change(tmp_path, month(JANUARY, "5"), month(FEBRUARY, "15"), shared, shared) == {"volume": "-2.5"}


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_add_up_whatever_the_months_are(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)

    def month(name: str) -> list[dict[str, Any]]:
        return [
            used(
                f"{draw.randint(-9, 90)}.{draw.randint(0, 10**9)}", draw.choice([None, "1.5", "7", "0", "-2"]),
                draw.choice("abc"), name, ServiceName=draw.choice(["network", "s"]), tags={"team": draw.choice("ABC")},
                ChargeFrequency=draw.choice(["One-Time", "Usage-Based", None]), InvoiceId=draw.choice(["i", None]),
            )
            for _ in range(40)
        ]  # fmt: skip

    pool = Pool("network", Proportional((A, B)), when_zero="even")
    change(tmp_path, month(JANUARY), month(FEBRUARY), side(), side(NETWORK, BY_TEAM, pool=pool))
