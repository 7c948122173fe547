"""Each method of splitting, by hand-checked figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Buckets, DimensionMissing
from services.allocator.domain.conservation import ConservationBroken, Tally, check_conservation
from services.allocator.domain.lines import Line, Share
from services.allocator.domain.methods import NothingToSplitBy
from services.allocator.domain.pool import Base, Even, FixedPercent, Pool, Proportional, Weighted
from services.allocator.domain.pools import PoolCycle, stages
from services.allocator.domain.rule_set import SUSPENSE, Divided, Leaf, Lookup, Rule, RuleSet
from tests.unit.allocator.domain.splitting import CENTERS, DIMENSIONS, bucket, cc, ccs, given, lines_of, pool_of, split

CENTERS_ALL = ccs(*CENTERS)


def billed(lines: dict[tuple[str, tuple[str, ...]], Line]) -> dict[str, str]:
    return {center: format(line.billed_cost, "f") for (center, path), line in lines.items() if path}


def test_even_gives_the_odd_units_to_the_smaller_ids() -> None:
    pool = Pool("p", Even(tuple(cc(name) for name in CENTERS)))

    lines = split((pool,), [bucket(None, "0.000000000000000005", "-0.000000000000000005")])

    assert [int(lines[name, ("p",)].billed_cost.scaleb(18)) for name in CENTERS] == [2, 2, 1]
    assert [int(lines[name, ("p",)].effective_cost.scaleb(18)) for name in CENTERS] == [-2, -2, -1]


def test_fixed_percent_and_weighted_split_by_their_weights_and_say_so() -> None:
    percent = Pool("p", FixedPercent(((cc("A"), Decimal("62.5")), (cc("B"), Decimal("37.5")))))

    lines = split((percent,), [bucket(None, "16")])

    assert {c: Decimal(v) for c, v in billed(lines).items()} == {"A": Decimal(10), "B": Decimal(6)}
    assert lines["A", ("p",)].share == Share(Decimal("62.5"), Decimal(100))
    assert lines["A", ("p",)].flow.method == "fixed_percent"


def test_proportional_follows_direct_cost_in_the_basis_and_currency() -> None:
    pool = Pool("p", Proportional(tuple(cc(name) for name in CENTERS)))
    rows = [bucket("A", "3", "1"), bucket("B", "1", "3"), bucket("C", "100", "100", "EUR"), bucket(None, "8")]

    by_billed = split((pool,), rows)
    by_effective = split((pool,), rows, basis="EffectiveCost")

    assert {c: Decimal(v) for c, v in billed(by_billed).items()} == {"A": Decimal(6), "B": Decimal(2)}
    assert {c: Decimal(v) for c, v in billed(by_effective).items()} == {"A": Decimal(2), "B": Decimal(6)}


def test_negative_direct_cost_weighs_nothing() -> None:
    pool = Pool("p", Proportional(tuple(cc(name) for name in CENTERS)))

    lines = split((pool,), [bucket("A", "-5"), bucket("B", "1"), bucket(None, "4")])

    assert billed(lines) == {"B": "4.000000000000000000"}


@pytest.mark.parametrize(
    ("policy", "expected"), [("even", {"A": "1", "B": "1", "C": "1"}), (SUSPENSE, {"SUSPENSE": "3"})]
)
def test_a_proportional_pool_without_weights_does_what_its_policy_says(policy: Any, expected: dict[str, str]) -> None:
    pool = Pool("p", Proportional(tuple(cc(name) for name in CENTERS)), when_zero=policy)

    lines = split((pool,), [bucket(None, "3")])

    assert {c: Decimal(v) for c, v in billed(lines).items()} == {c: Decimal(v) for c, v in expected.items()}
    assert {line.flow.method for line in lines.values()} == {"even" if policy == "even" else None}


def test_failing_is_the_default_policy() -> None:
    pool = Pool("p", Proportional((cc("A"),)))

    with pytest.raises(NothingToSplitBy, match=r"pool 'p', USD: there is nothing to split by.*when_zero: even"):
        split((pool,), [bucket(None, "3")])


def test_pools_step_down_and_keep_the_path() -> None:
    network = Pool("z-network", Weighted(((pool_of("a-platform"), Decimal(1)), (cc("A"), Decimal(1)))))
    platform = Pool("a-platform", Even((cc("B"), cc("C"))))

    lines = split((network, platform), [bucket(None, "8")])

    assert {key: line.billed_cost for key, line in lines.items()} == {
        ("A", ("z-network",)): 4, ("B", ("z-network", "a-platform")): 2, ("C", ("z-network", "a-platform")): 2,
    }  # fmt: skip


def test_a_cycle_is_named_from_its_first_pool() -> None:
    pools = (
        Pool("a", Even((pool_of("c"),))), Pool("b", Even((pool_of("d"),))),
        Pool("c", Even((pool_of("b"),))), Pool("d", Even((pool_of("c"), cc("A")))),
    )  # fmt: skip

    with pytest.raises(PoolCycle, match="b -> d -> c -> b") as error:
        stages(pools)

    assert error.value.cycle == ("b", "d", "c", "b")


def test_what_comes_to_nothing_makes_no_line() -> None:
    rules = RuleSet("r", "2026-01", "BilledCost", (Rule("direct", Lookup("SubAccountId")),), SUSPENSE)
    rows = [bucket("A", "1"), bucket("A", "-1"), bucket("B", "0")]

    assert allocate(Buckets("2026-01", DIMENSIONS, rows), rules, CENTERS) == []


def test_buckets_without_a_dimension_that_rules_use_are_refused() -> None:
    rules = RuleSet("r", "2026-01", "BilledCost", (Rule("t", cc("A"), Leaf("tag:team", "exists")),), SUSPENSE)

    with pytest.raises(DimensionMissing, match="tag:team"):
        allocate(Buckets("2026-01", DIMENSIONS, []), rules, CENTERS)


def test_a_lost_unit_is_noticed_and_named() -> None:
    rules = RuleSet("r", "2026-01", "BilledCost", (Rule("direct", Lookup("SubAccountId")),), SUSPENSE)
    buckets = Buckets("2026-01", DIMENSIONS, [bucket("A", "1")])
    (line,) = allocate(buckets, rules, CENTERS)
    short = line._replace(billed_cost=Decimal("0.999999999999999999"))

    with pytest.raises(ConservationBroken, match="invoice USD P inv: in 1 billed") as error:
        check_conservation(buckets, Tally(), [short])

    assert error.value.cost_out[0] == Decimal("0.999999999999999999")


def test_received_cost_counts_in_the_part_of_its_charges_through_pools_that_drop_their_detail() -> None:
    """The late pool splits x by A's own 1 and the 3 that B received of x, and y by C's 15 and the 5 of B."""
    first = Pool("first", Weighted(((pool_of("hub"), Decimal(1)),)), keep_detail=False)
    hub = Pool("hub", Weighted(((cc("B"), Decimal(1)), (pool_of("late"), Decimal(1)))), keep_detail=False)
    late = Pool("late", Proportional(CENTERS_ALL, Base(received=True)), ("tag:cluster", "charge_day"))
    rows = [
        bucket("A", "1", cluster="x", day="2026-01-01"), bucket(None, "6", cluster="x", day="2026-01-01"),
        bucket(None, "10", cluster="y", day="2026-01-02"), bucket("C", "15", cluster="y", day="2026-01-02"),
    ]  # fmt: skip

    lines = lines_of([first, hub, late], rows)

    shared = {(one.cost_center, one.flow.path, one.flow.partition): one.billed_cost for one in lines if one.flow.path}
    way, x, y = ("first", "hub", "late"), ("tag:cluster", "x"), ("tag:cluster", "y")
    by_day = (("charge_day", "2026-01-01"), ("charge_day", "2026-01-02"))
    assert shared == {
        ("B", ("first", "hub"), ()): 8,
        ("A", way, (by_day[0], x)): Decimal("0.75"), ("B", way, (by_day[0], x)): Decimal("2.25"),
        ("B", way, (by_day[1], y)): Decimal("1.25"), ("C", way, (by_day[1], y)): Decimal("3.75"),
    }  # fmt: skip


def test_received_cost_of_other_charges_does_not_count() -> None:
    hub = Pool("hub", Weighted(((cc("B"), Decimal(1)), (pool_of("late"), Decimal(1)))))
    late = Pool("late", Proportional(CENTERS_ALL, Base(True, Leaf("ServiceName", "in", ("net",)))))
    rows = [bucket("A", "1", service="net"), bucket(None, "2", service="net"), bucket(None, "98", service="other")]

    assert given([hub, late], rows) == {"A": 25, "B": 75}


def test_an_owners_part_of_a_charge_is_one_line_however_a_pool_splits_the_other_part() -> None:
    pool = Pool("p", Even(ccs("B", "C")), partition_by=("tag:cluster", "charge_day"))
    shared = Divided(((cc("A"), Decimal(70)), (pool_of("p"), Decimal(30))))
    rows = [bucket(None, "10", cluster="x", day="2026-01-01"), bucket(None, "20", cluster="y", day="2026-01-02")]

    both_ways = [lines_of((pool,), each, rules=(Rule("shared", shared),)) for each in (rows, rows[::-1])]

    assert both_ways[0] == both_ways[1]
    direct = [line for line in both_ways[0] if not line.flow.path]
    assert [(line.cost_center, line.billed_cost, line.flow.partition) for line in direct] == [("A", Decimal(21), ())]
