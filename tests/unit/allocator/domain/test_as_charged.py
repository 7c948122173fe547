"""Refunds are split as their charges were: by the lines of the month that the charge period names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.charged import NO_EARLIER_MONTHS, Charged, EarlierMonth, EarlierMonths
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.drivers import NO_DRIVERS
from services.allocator.domain.lines import Line, Share
from services.allocator.domain.methods import CannotDivide
from services.allocator.domain.pool import AsCharged, Even, Pool, Proportional, WhenZero
from services.allocator.domain.rule_set import CHARGE_MONTH, SUSPENSE, Leaf, Lookup, Rule, RuleSet
from tests.unit.allocator.domain.splitting import CENTERS, ccs, pool_of

DIMENSIONS = (*GRAIN, CHARGE_MONTH)
ALL = ccs(*CENTERS)


def row(account: str, cost: str, month: str = "2026-01", currency: str = "USD", class_: str | None = None) -> Bucket:
    values = (currency, "P", "inv", "P", "s", "b", account, "Usage", class_, month)
    return Bucket(values, Decimal(cost), Decimal(cost) * 2, 1)


def charged(account: str, center: str, billed: str, effective: str = "0", **origin: str) -> Charged:
    usual = dict(zip(GRAIN, ("USD", "P", "inv-12", "P", "s", "b", account, "Usage", None), strict=True))
    return Charged(tuple((usual | origin).values()), center, Decimal(billed), Decimal(effective))


DECEMBER = EarlierMonths(
    {
        "2025-12": EarlierMonth(
            "run-12",
            [
                charged("111", "A", "30"), charged("111", "B", "10"), charged("222", "C", "5"),
                charged("222", "SUSPENSE", "15"), charged("333", "Z", "1"), charged("333", "A", "1"),
                charged("444", "A", "-8"), charged("111", "C", "-99", ChargeClass="Correction"),
                charged("111", "C", "7", ChargeCategory="Tax"), charged("555", "A", "1", BillingCurrency="EUR"),
            ],
        )
    }
)  # fmt: skip


def lines_of(
    rows: list[Bucket], method: AsCharged | None = None, when_zero: WhenZero = "fail",
    earlier: EarlierMonths = DECEMBER, more: tuple[Pool, ...] = (), **changes: Any,
) -> list[Line]:  # fmt: skip
    usage = Leaf("ChargeCategory", "in", ("Usage",))
    pool = Pool("refunds", method or AsCharged(ALL, usage), (CHARGE_MONTH, "SubAccountId"), when_zero)
    rules = RuleSet(
        "r", "2026-01", changes.get("basis", "BilledCost"), (Rule("own", Lookup("SubAccountId")),), pool_of("refunds"),
        (pool, *more),
    )  # fmt: skip
    return allocate(Buckets("2026-01", DIMENSIONS, rows), rules, CENTERS, NO_DRIVERS, earlier)


def given(lines: list[Line]) -> dict[Any, Decimal]:
    return {
        (one.cost_center, one.flow.leg) if one.flow.leg else one.cost_center: one.billed_cost
        for one in lines
        if one.flow.path
    }


def test_a_refund_goes_to_those_who_were_charged_in_its_month_whoever_uses_the_account_now() -> None:
    lines = lines_of([row("111", "-8", "2025-12"), row("A", "1"), row("C", "500")])

    assert given(lines) == {"A": -6, "B": -2}
    (to_a,) = (line for line in lines if line.cost_center == "A" and line.flow.path)
    assert (to_a.flow.method, to_a.share) == ("as_charged", Share(Decimal(30), Decimal(40)))
    assert to_a.effective_cost == -12
    assert to_a.flow.partition == (("SubAccountId", "111"), (CHARGE_MONTH, "2025-12"))


def test_what_lay_in_suspense_is_refunded_to_suspense() -> None:
    assert given(lines_of([row("222", "-4", "2025-12")])) == {"C": -1, "SUSPENSE": -3}


def test_the_part_of_a_cost_center_that_is_no_more_is_a_line_of_its_own_in_suspense() -> None:
    assert given(lines_of([row("333", "-4", "2025-12")])) == {"A": -2, ("SUSPENSE", "unowned"): -2}


def test_only_charges_that_meet_the_condition_count() -> None:
    tax = AsCharged(ALL, Leaf("ChargeCategory", "in", ("Tax",)))

    assert given(lines_of([row("111", "-8", "2025-12")], tax)) == {"C": -8}


def test_shares_are_taken_from_the_basis_of_the_rule_set() -> None:
    months = EarlierMonths(
        {"2025-12": EarlierMonth("r", [charged("111", "A", "1", "0"), charged("111", "B", "0", "1")])}
    )

    assert given(lines_of([row("111", "-8", "2025-12")], earlier=months)) == {"A": -8}
    assert given(lines_of([row("111", "-8", "2025-12")], earlier=months, basis="EffectiveCost")) == {"B": -8}


@pytest.mark.parametrize(
    ("account", "month", "words"),
    [
        ("111", "2025-11", "charge_month 2025-11, SubAccountId 111: that is no earlier month with an allocation run"),
        ("111", "2026-01", "no earlier month with an allocation run to split it by"),
        ("444", "2025-12", "nobody was charged for the like of it in the newest run of that month"),
        ("555", "2025-12", "nobody was charged for the like of it in the newest run of that month"),
    ],
)
def test_what_has_nothing_to_be_split_by_holds_the_run_or_goes_where_the_policies_say(
    account: str, month: str, words: str
) -> None:
    rows = [row(account, "-6", month), row("A", "2"), row("B", "1")]

    with pytest.raises(CannotDivide, match=words):
        lines_of(rows)
    assert given(lines_of(rows, when_zero=SUSPENSE)) == {"SUSPENSE": -6}
    assert given(lines_of(rows, AsCharged(ALL, otherwise=Even(ALL)), earlier=NO_EARLIER_MONTHS)) == dict.fromkeys(
        CENTERS, -2
    )


def test_a_pool_of_fewer_dimensions_takes_what_the_first_one_could_not_split() -> None:
    coarse = Pool("coarse", AsCharged(ALL), (CHARGE_MONTH, "ServiceProviderName"))

    lines = lines_of([row("999", "-61", "2025-12")], when_zero=pool_of("coarse"), more=(coarse,))

    assert {line.flow.path for line in lines} == {("refunds", "coarse")}
    assert given(lines)["SUSPENSE"] == -15


def test_otherwise_this_months_costs_of_the_same_part_decide() -> None:
    pool = Pool("refunds", AsCharged(ALL, None, Proportional(ALL)), (CHARGE_MONTH, "ServiceName"))
    rules = RuleSet("r", "2026-01", "BilledCost", (Rule("own", Lookup("SubAccountId")),), pool_of("refunds"), (pool,))
    rows = [row("111", "-9", "2025-10"), row("A", "2"), row("B", "1")]

    lines = allocate(Buckets("2026-01", DIMENSIONS, rows), rules, CENTERS)

    assert given(lines) == {"A": -6, "B": -3}
    assert dimensions_used(rules) == ("BillingCurrency", "ServiceName", "SubAccountId", CHARGE_MONTH)


def test_each_basis_is_added_up_by_itself() -> None:
    def found(*, billed: bool) -> list[Decimal]:
        return list((DECEMBER.find("2025-12", None, "USD", (("SubAccountId", "111"),), billed=billed) or {}).values())

    assert found(billed=True) == found(billed=True) == [30, 10, 7]
    assert found(billed=False) == [0, 0, 0]
