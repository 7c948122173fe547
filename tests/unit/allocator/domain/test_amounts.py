"""Methods that say amounts: fixed amounts, a floor plus the rest, rates, and caps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.drivers import Drivers
from services.allocator.domain.methods import CannotDivide
from services.allocator.domain.pool import (
    ByDrivers,
    Cap,
    Driver,
    Even,
    FixedAmount,
    FixedPercent,
    FloorPlusVariable,
    Method,
    Pool,
    Proportional,
    Tier,
    UsageRate,
    Weighted,
)
from services.allocator.domain.rule_set import SUSPENSE
from tests.unit.allocator.domain.splitting import (
    bucket,
    cc,
    ccs,
    given,
    lines_of,
    measured,
    money,
    pool_of,
    split,
    weights,
)

AMOUNTS = FixedAmount(weights(A=500, B="30.5"), "USD", Even(ccs("B", "C")))


def test_the_rest_of_fixed_amounts_goes_by_the_second_method() -> None:
    assert given([Pool("p", AMOUNTS)], [bucket(None, "600")]) == money(A="500", B="65.25", C="34.75")


def test_a_pool_smaller_than_the_amounts_is_split_in_proportion_to_them() -> None:
    assert given([Pool("p", AMOUNTS)], [bucket(None, "53.05")]) == money(A="50", B="3.05")


def test_a_credit_is_the_mirror_image_and_another_currency_has_no_amounts() -> None:
    pool = Pool("p", AMOUNTS)

    assert given([pool], [bucket(None, "-600")]) == money(A="-500", B="-65.25", C="-34.75")
    assert given([pool], [bucket(None, "10", currency="EUR")]) == money(B="5", C="5")


def test_fixed_amounts_are_exact_over_any_number_of_charges() -> None:
    rows = [bucket(None, "0.700000000000000001", service=f"s{i}") for i in range(1_000)]

    assert given([Pool("p", FixedAmount(weights(A=500), "USD", Even(ccs("B"))))], rows)["A"] == 500


def test_the_line_of_a_fixed_amount_says_the_amount_and_what_the_pool_held() -> None:
    lines = split([Pool("p", AMOUNTS)], [bucket(None, "600")])

    assert lines["A", ("p",)].share == (500, 600)
    assert lines["A", ("p",)].flow.method == "fixed_amount"


def test_the_rest_may_have_its_own_rest_and_its_own_policy() -> None:
    rest = FixedAmount(weights(B=10), "USD", Proportional(ccs("A", "B")))
    pool = Pool("p", FixedAmount(weights(A=5), "USD", rest), when_zero=SUSPENSE)

    assert given([pool], [bucket(None, "20")]) == money(A="5", B="10", SUSPENSE="5")
    assert given([pool], [bucket(None, "20"), bucket("A", "1")]) == money(A="10", B="10")


def test_a_floor_is_paid_by_all_and_the_rest_by_use() -> None:
    method = FloorPlusVariable(Decimal(20), Even(ccs("A", "B")), ByDrivers(ccs("A", "B"), (Driver("cpu"),)))

    found = given([Pool("p", method)], [bucket(None, "100")], Drivers.of(measured("cpu", A=3, B=1)))

    assert found == money(A="70", B="30")


def test_a_floor_of_nothing_to_split_by_follows_the_policy_alone() -> None:
    method = FloorPlusVariable(Decimal(25), Even(ccs("A", "B")), Proportional(ccs("C")))

    assert given([Pool("p", method, when_zero=SUSPENSE)], [bucket(None, "100")]) == money(
        A="12.5", B="12.5", SUSPENSE="75"
    )


# ---------------------------------------------------------------- rates


def rates(*tiers: Tier, currency: str = "USD", missing: Any = "fail") -> UsageRate:
    return UsageRate(ccs("A", "B"), Driver("cpu", missing=missing), tiers, currency, cc("C"))


FLAT = rates(Tier(None, Decimal("0.12")))
CPU = Drivers.of(measured("cpu", A=100, B=300))


@pytest.mark.parametrize(
    ("held", "variance"),
    [
        ("50", {("C", "under-recovery"): 2}), ("40", {("C", "over-recovery"): -8}), ("48", {}),
        ("-2", {("C", "over-recovery"): -50}),
    ],
)  # fmt: skip
def test_rates_bill_use_and_the_difference_is_its_own_line(held: str, variance: dict[Any, Any]) -> None:
    assert given([Pool("p", FLAT)], [bucket(None, held)], CPU) == money(A="12", B="36") | variance


def test_graduated_rates() -> None:
    method = rates(Tier(Decimal(100), Decimal(1)), Tier(None, Decimal("0.5")))

    assert given([Pool("p", method)], [bucket(None, "310")], CPU) == {"A": 100, "B": 200, ("C", "under-recovery"): 10}


@pytest.mark.parametrize(
    ("row", "leg"),
    [
        (bucket(None, "7", currency="EUR"), "under-recovery"), (bucket(None, "-7", currency="EUR"), "over-recovery"),
        (bucket(None, "0.000047"), "under-recovery"),
    ],
)  # fmt: skip
def test_what_rates_can_not_be_said_of_goes_to_the_variance_as_a_whole(row: Any, leg: str) -> None:
    assert given([Pool("p", FLAT)], [row], CPU) == {("C", leg): row.billed_cost}


def test_a_pool_that_adds_up_to_zero_goes_to_the_variance_as_a_whole() -> None:
    rows = [bucket(None, "5", "1", service="s1"), bucket(None, "-5", "2", service="s2")]

    lines = lines_of([Pool("p", FLAT)], rows, CPU)

    assert {(line.cost_center, line.billed_cost, line.effective_cost) for line in lines} == {("C", 5, 1), ("C", -5, 2)}


def test_rates_without_a_driver_wait_in_suspense_if_they_may() -> None:
    method = rates(Tier(None, Decimal(1)), missing="suspense")

    assert given([Pool("p", method)], [bucket(None, "7")]) == {("SUSPENSE", "missing-driver"): 7}


def test_prices_are_exact_over_any_number_of_charges() -> None:
    rows = [bucket(None, "0.040000000000000003", service=f"s{i}") for i in range(999)]

    found = given([Pool("p", FLAT)], rows, CPU)

    assert (found["A"], found["B"]) == (12, 36)
    assert found["C", "over-recovery"] == Decimal("-8.039999999999997003")


def test_charges_and_credits_that_nearly_cancel_out_are_told_when_no_amount_can_hold_a_price() -> None:
    rows = [bucket(None, "9e18", service="s1"), bucket(None, "-8999999999999999999.99", service="s2")]

    with pytest.raises(CannotDivide, match=r"pool 'p', USD: it holds 0.01 of charges and credits far larger than that"):
        given([Pool("p", FLAT)], rows, CPU)


# ---------------------------------------------------------------- caps


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Weighted(weights(A=8, B=2)), {"A": 50, "B": 20, ("C", "spill"): 30}),
        (Even(ccs("A", "B")), {"A": 50, "B": 50}),
        (FixedPercent(weights(A=40), cc("A")), {"A": 20, ("A", "residual"): 30, ("C", "spill"): 50}),
    ],
)
def test_what_is_above_a_cap_spills(method: Method, expected: Any) -> None:
    pool = Pool("p", method, cap=Cap(weights(A=50), "USD", cc("C")))

    assert given([pool], [bucket(None, "100")]) == expected
    assert given([pool], [bucket(None, "-100")]) == {key: -amount for key, amount in expected.items()}


def test_a_cap_is_exact_over_any_number_of_charges_and_counts_in_its_currency_and_basis() -> None:
    pool = Pool("p", Even(ccs("A", "B")), cap=Cap(weights(A=100), "USD", SUSPENSE))
    rows = [bucket(None, "0.300000000000000007", "1", service=f"s{i}") for i in range(999)]

    found = given([pool], rows)
    other = given([pool], [bucket(None, "300", currency="EUR")])
    by_effective = given([pool], rows, basis="EffectiveCost")

    assert found["A"] == 100
    assert other == money(A="150", B="150")
    assert 30 < by_effective["A"] < 31  # 100 of 999 effective is a tenth of the billed cost


def test_a_cap_may_spill_into_another_pool() -> None:
    capped = Pool("z", Even(ccs("A")), cap=Cap(weights(A=1), "USD", pool_of("a")))

    assert given([capped, Pool("a", Even(ccs("B", "C")))], [bucket(None, "5")]) == money(A="1", B="2", C="2")
