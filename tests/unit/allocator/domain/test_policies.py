"""Policies of pools: credits, residuals, bounds, partitions, bases and detail."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.methods.problems import BoundsOutOfReach, HoldsCredit
from services.allocator.domain.pool import (
    Base,
    Bounds,
    Even,
    FixedPercent,
    FloorPlusVariable,
    Pool,
    Proportional,
    Weighted,
)
from services.allocator.domain.rule_set import SUSPENSE, Leaf
from tests.unit.allocator.domain.splitting import bucket, cc, ccs, given, lines_of, money, pool_of, split, weights

ALL = ccs("A", "B", "C")


def test_a_credit_goes_where_the_policy_says() -> None:
    held = Pool("p", Even(ALL), when_negative=SUSPENSE)

    assert given([held], [bucket(None, "-3")]) == money(SUSPENSE="-3")
    assert given([held], [bucket(None, "3")]) == money(A="1", B="1", C="1")
    assert given([Pool("p", Even(ALL))], [bucket(None, "-3")]) == money(A="-1", B="-1", C="-1")


def test_a_credit_may_fail_the_run() -> None:
    with pytest.raises(HoldsCredit, match=r"pool 'p', USD: it holds a credit of 3: say when_negative: mirror or"):
        given([Pool("p", Even(ALL), when_negative="fail")], [bucket(None, "-3")])


def test_the_residual_takes_what_percentages_leave() -> None:
    pool = Pool("p", FixedPercent(weights(A=40, B="25.5"), cc("C")))

    assert given([pool], [bucket(None, "200")]) == {"A": 80, "B": 51, ("C", "residual"): 69}


# ---------------------------------------------------------------- bounds


def bounded(direct: dict[str, str], least: str = "0", most: str = "100") -> Any:
    method = Proportional(ALL, bounds=Bounds(Decimal(least), Decimal(most)))
    return given([Pool("p", method)], [bucket(None, "100"), *(bucket(name, cost) for name, cost in direct.items())])


def test_what_one_may_not_take_the_others_share_in_their_proportion() -> None:
    assert bounded({"A": "70", "B": "20", "C": "10"}, most="40") == money(A="40", B="40", C="20")
    assert bounded({"A": "60", "B": "30", "C": "0"}, least="40") == money(A="60", B="40")
    assert bounded({"A": "72", "B": "24", "C": "4"}, least="12") == money(A="66", B="22", C="12")


def test_both_bounds_at_once_meet_exactly() -> None:
    assert bounded({"A": "98", "B": "1", "C": "1"}, "20", "50") == money(A="50", B="25", C="25")
    assert bounded({"A": "97", "B": "2", "C": "1"}, "20", "60") == money(A="60", B="20", C="20")


def test_shares_inside_the_bounds_are_left_alone() -> None:
    method = Proportional(ALL, bounds=Bounds(Decimal(20), Decimal(60)))
    lines = split([Pool("p", method)], [bucket(None, "9"), bucket("A", "1"), bucket("B", "1"), bucket("C", "1")])

    assert lines["A", ("p",)].share == (1, 3)


def test_too_few_targets_for_the_most_share_is_told() -> None:
    with pytest.raises(BoundsOutOfReach, match="1 targets have a weight, and at most 40 percent each can't be 100 per"):
        bounded({"A": "5"}, most="40")


# ---------------------------------------------------------------- bases, partitions, detail


def test_a_base_may_look_at_some_charges_only_and_at_what_pools_gave() -> None:
    rows = [bucket("A", "1", service="db"), bucket("A", "9"), bucket("B", "3", service="db"), bucket(None, "8")]
    databases = Base(where=Leaf("ServiceName", "in", ("db",)))

    assert given([Pool("p", Proportional(ALL, databases))], rows) == money(A="2", B="6")


def test_a_base_may_be_in_the_other_basis() -> None:
    rows = [bucket("A", "0", "1"), bucket("B", "0", "3"), bucket("C", "8", "0"), bucket(None, "8", "0")]

    assert given([Pool("p", Proportional(ALL))], rows) == money(C="8")
    assert given([Pool("p", Proportional(ALL, Base(basis="EffectiveCost")))], rows) == money(A="2", B="6")
    both = Pool("p", FloorPlusVariable(Decimal(50), Proportional(ALL), Proportional(ALL, Base(basis="EffectiveCost"))))
    assert given([both], rows) == money(A="1", B="3", C="4")


def test_received_cost_counts_after_the_pools_that_gave_it() -> None:
    first = Pool("z-first", Weighted(((cc("B"), Decimal(1)), (pool_of("a-last"), Decimal(1)))))
    last = Pool("a-last", Proportional(ALL, Base(received=True)))

    # B has received 10 and A has 30 of its own: 10 is split 3 to 1.
    assert given([first, last], [bucket(None, "20"), bucket("A", "30")]) == money(A="7.5", B="12.5")


def test_shares_are_taken_inside_each_part_of_a_partition() -> None:
    pool = Pool("p", Proportional(ALL), partition_by=("InvoiceId", "tag:cluster"))
    rows = [
        bucket("A", "1", invoice="i1", cluster="x"), bucket("B", "3", invoice="i1", cluster="x"),
        bucket("C", "1", invoice="i2", cluster="x"), bucket("A", "5", invoice="i2"),
        bucket(None, "8", invoice="i1", cluster="x"), bucket(None, "10", invoice="i2", cluster="x"),
        bucket(None, "20", invoice="i2"),
    ]  # fmt: skip

    assert given([pool], rows) == money(A="22", B="6", C="10")


def test_a_partition_that_has_nothing_to_split_by_is_named() -> None:
    pool = Pool("p", Proportional(ALL), partition_by=("InvoiceId",))

    with pytest.raises(ValueError, match="pool 'p', USD, InvoiceId i2: there is nothing to split by"):
        given([pool], [bucket("A", "1", invoice="i1"), bucket(None, "1", invoice="i2")])


def test_a_pool_without_detail_stands_for_the_services_it_holds() -> None:
    rows = [bucket(None, "3", service="s1"), bucket(None, "6", service="s2"), bucket(None, "-9", service="s3")]

    kept = lines_of([Pool("p", Even(ALL))], rows)
    collapsed = lines_of([Pool("p", Even(ALL), keep_detail=False)], rows[:2])

    assert len(kept) == 9
    assert sorted((line.cost_center, line.flow.origin[3], line.billed_cost) for line in collapsed) == [
        ("A", "pool:p", 3), ("B", "pool:p", 3), ("C", "pool:p", 3),
    ]  # fmt: skip
    assert lines_of([Pool("p", Even(ALL), keep_detail=False)], rows) == []
