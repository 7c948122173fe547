"""Splitting by measured quantities, and what happens when they are not there."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from services.allocator.domain.drivers import Drivers, Measurement, Window
from services.allocator.domain.methods.problems import DriverMissing
from services.allocator.domain.methods.tiers import pricing
from services.allocator.domain.pool import Bounds, ByDrivers, Driver, Pool, Subjects, Tier
from services.allocator.domain.rule_set import SUSPENSE, Tenure
from tests.unit.allocator.domain.splitting import MONTH, bucket, cc, ccs, given, lines_of, measured, money

ALL = ccs("A", "B", "C")
DECEMBER = Window.of_month("2025-12")


def by(*drivers: Driver, targets: Any = ALL, **more: Any) -> list[Pool]:
    return [Pool("p", ByDrivers(targets, drivers, **more))]


CPU = Driver("cpu")


def test_shares_follow_the_quantities_of_the_subjects_that_are_targets() -> None:
    drivers = Drivers.of(measured("cpu", A=1, B="2.5", C="0.5"))

    assert given(by(CPU), [bucket(None, "8")], drivers) == money(A="2", B="5", C="1")


def test_a_line_says_the_driver_method_and_the_quantity() -> None:
    (a, b) = lines_of(by(CPU), [bucket(None, "8")], Drivers.of(measured("cpu", A=1, B=3)))

    assert {(x.cost_center, x.flow.method, x.share) for x in (a, b)} == {
        ("A", "driver", (Decimal(1), Decimal(4))), ("B", "driver", (Decimal(3), Decimal(4))),
    }  # fmt: skip


def test_subjects_have_owners_and_what_nobody_owns_is_held() -> None:
    owners = {"web": cc("A"), "api": cc("A"), "db": cc("B"), "old": cc("C")}
    drivers = Drivers.of(measured("cpu", web=1, api=2, db=3, old=50, stray=4))
    targets = ccs("A", "B")

    held = by(CPU, targets=targets, subjects=Subjects(owners))
    left_out = by(CPU, targets=targets, subjects=Subjects(owners, unowned=None))

    assert given(held, [bucket(None, "10")], drivers) == {"A": 3, "B": 3, ("SUSPENSE", "unowned"): 4}
    assert given(left_out, [bucket(None, "10")], drivers) == money(A="5", B="5")


def test_nobody_owns_the_subjects_of_an_empty_mapping() -> None:
    drivers = Drivers.of(measured("cpu", A=1))

    assert given(by(CPU, subjects=Subjects({})), [bucket(None, "10")], drivers) == {("SUSPENSE", "unowned"): 10}


def test_several_drivers_add_up_shares_or_quantities() -> None:
    drivers = Drivers.of(measured("cpu", A=1, B=3) + measured("gb", A=90, B=10))
    both = (Driver("cpu", Decimal(3)), Driver("gb", Decimal(1)))

    assert given(by(*both), [bucket(None, "40")], drivers) == money(A="16.5", B="23.5")
    assert given(by(*both, combine="quantities"), [bucket(None, "112")], drivers) == money(A="93", B="19")


def test_a_driver_that_is_zero_for_all_leaves_the_others_to_decide() -> None:
    drivers = Drivers.of(measured("cpu", A=0, B=0) + measured("gb", A=1, B=3))

    assert given(by(CPU, Driver("gb")), [bucket(None, "4")], drivers) == money(A="1", B="3")


def test_tiers_make_shares_of_graduated_prices() -> None:
    drivers = Drivers.of(measured("cpu", A=100, B=300))
    tiers = (Tier(Decimal(100), Decimal(1)), Tier(None, Decimal("0.5")))

    # A: 100 x 1 = 100. B: 100 x 1 + 200 x 0.5 = 200.
    assert given(by(CPU, tiers=tiers), [bucket(None, "30")], drivers) == money(A="10", B="20")


@pytest.mark.parametrize(("quantity", "cost"), [(0, 0), (99, 198), (100, 200), (150, 250), (300, 375)])
def test_each_unit_costs_the_rate_of_its_tier(quantity: int, cost: int) -> None:
    tiers = [Tier(Decimal(100), Decimal(2)), Tier(Decimal(200), Decimal(1)), Tier(None, Decimal("0.75"))]

    assert pricing(tiers)(Fraction(quantity)) == cost


def test_the_average_of_a_level_counts_time_and_the_sum_does_not() -> None:
    half = Window(MONTH.start, MONTH.start + MONTH.length / 2)
    drivers = Drivers.of(measured("heads", half, A=30) + measured("heads", B=30))

    assert given(by(Driver("heads", aggregate="average")), [bucket(None, "6")], drivers) == money(A="2", B="4")
    assert given(by(Driver("heads")), [bucket(None, "6")], drivers) == money(A="3", B="3")


def test_a_measurement_over_a_longer_time_counts_by_its_part() -> None:
    day = Window.of_day("2026-01-31")
    drivers = Drivers.of(measured("cpu", Window(day.start, day.start + day.length * 4), A=8) + measured("cpu", B=2))

    assert drivers.sums("cpu", MONTH) == {"A": 2, "B": 2}
    assert drivers.sums("cpu", Window.of_day("2026-02-01")) == {"A": 2}


# ---------------------------------------------------------------- nothing measured


def test_the_newest_values_from_before_are_used_and_only_those() -> None:
    older = Window.of_month("2025-11")
    drivers = Drivers.of(measured("cpu", older, A=9) + measured("cpu", DECEMBER, A=1, B=3))

    assert given(by(Driver("cpu", last_known_days=1)), [bucket(None, "4")], drivers) == money(A="1", B="3")


def test_what_is_too_old_is_not_known() -> None:
    day = Window.of_day("2025-12-20")
    drivers = Drivers.of(measured("cpu", day, A=1))

    assert drivers.newest_before("cpu", MONTH, 11) == day
    assert drivers.newest_before("cpu", MONTH, 10) is None


def test_another_metric_takes_the_place() -> None:
    drivers = Drivers.of(measured("gb", A=1, B=1))

    assert given(by(Driver("cpu", instead="gb")), [bucket(None, "4")], drivers) == money(A="2", B="2")


def test_cost_is_held_for_a_driver_and_the_line_says_why() -> None:
    two = by(Driver("cpu", missing="suspense"), Driver("gb"))

    assert given(two, [bucket(None, "4")], Drivers.of(measured("gb", A=1))) == {("SUSPENSE", "missing-driver"): 4}


def test_failing_names_pool_metric_window_and_what_to_do() -> None:
    chain = Driver("cpu", last_known_days=3, instead="gb")
    drivers = Drivers.of(measured("other", A=1))

    with pytest.raises(DriverMissing) as error:
        given(by(chain), [bucket(None, "4")], drivers)

    assert str(error.value) == (
        "pool 'p', USD: nothing is known of driver 'cpu', neither in 2026-01-01 to 2026-01-31 nor in the 3 days before "
        "it nor of 'gb' instead: deliver its measurements, or say missing: {last_known_days: 35} "
        "or missing: {then: suspense}"
    )  # fmt: skip


@pytest.mark.parametrize(("policy", "expected"), [("even", money(A="2", B="2", C="2")), (SUSPENSE, {"SUSPENSE": 6})])
def test_measured_zero_is_not_missing(policy: Any, expected: Any) -> None:
    pool = Pool("p", ByDrivers(ALL, (CPU,)), when_zero=policy)

    assert given([pool], [bucket(None, "6")], Drivers.of(measured("cpu", A=0))) == expected


# ---------------------------------------------------------------- by day, and bounds


def test_each_day_is_split_by_its_own_drivers() -> None:
    first, second = Window.of_day("2026-01-01"), Window.of_day("2026-01-02")
    drivers = Drivers.of(measured("cpu", first, A=1) + measured("cpu", second, A=1, B=1))
    pool = Pool("p", ByDrivers(ALL, (CPU,)), partition_by=("charge_day",))

    rows = [bucket(None, "10", day="2026-01-01"), bucket(None, "4", day="2026-01-02")]

    assert given([pool], rows, drivers) == money(A="12", B="2")


def test_what_nobody_owns_keeps_its_share_when_others_are_bounded() -> None:
    drivers = Drivers.of(measured("cpu", A=70, B=10, stray=20))
    pools = by(CPU, subjects=Subjects(), bounds=Bounds(most=Decimal(50)))

    assert given(pools, [bucket(None, "100")], drivers) == {"A": 50, "B": 30, ("SUSPENSE", "unowned"): 20}


def test_measurements_of_one_subject_and_window_add_up_in_any_order() -> None:
    rows = [("cpu", Measurement("A", Decimal(one), MONTH)) for one in ("0.1", "0.2", "0.7")]

    assert Drivers.of(rows).sums("cpu", MONTH) == Drivers.of(reversed(rows)).sums("cpu", MONTH) == {"A": 1}


def test_windows_of_the_calendar_s_first_and_last_months_are_windows() -> None:
    assert str(Window.of_month("2026-02")) == "2026-02-01 to 2026-02-28"
    assert str(Window.of_month("2025-12")) == "2025-12-01 to 2025-12-31"
    assert str(Window.of_month("9999-12")) == "9999-12-01 to 9999-12-31"
    assert str(Window.of_month("0001-01")) == "0001-01-01 to 0001-01-31"
    assert Window.of_day("9999-12-31").end == Window.of_month("9999-12").end


MOVES = {"web": (Tenure("A", last="2026-01-16"), Tenure("B", "2026-01-17"))}


def moving(driver: Driver = CPU, dated: Any = MOVES, targets: Any = ALL, unowned: Any = SUSPENSE, **more: Any) -> Any:
    return by(driver, targets=targets, subjects=Subjects({"db": cc("C")}, unowned, dated), **more)


def test_a_subject_that_moves_is_its_owners_by_the_days_that_a_measurement_overlaps() -> None:
    drivers = Drivers.of(measured("cpu", web=31, db=9))

    assert given(moving(), [bucket(None, "40")], drivers) == money(A="16", B="15", C="9")
    assert given(moving(targets=ccs("B", "C")), [bucket(None, "24")], drivers) == money(B="15", C="9")


def test_what_was_measured_by_day_is_the_owners_of_that_day() -> None:
    days = {"2026-01-16": 5, "2026-01-17": 2, "2026-01-31": 1}
    drivers = Drivers.of(one for day, n in days.items() for one in measured("cpu", Window.of_day(day), web=n))

    assert given(moving(), [bucket(None, "8")], drivers) == money(A="5", B="3")


def test_a_day_without_an_owner_is_nobodys() -> None:
    gap = {"web": (Tenure("A", last="2026-01-10"), Tenure("B", "2026-01-21"))}
    drivers = Drivers.of(measured("cpu", web=31))

    assert given(moving(dated=gap), [bucket(None, "31")], drivers) == {"A": 10, "B": 11, ("SUSPENSE", "unowned"): 10}
    assert given(moving(dated=gap, unowned=None), [bucket(None, "21")], drivers) == money(A="10", B="11")


def test_levels_count_by_the_days_of_each_owner() -> None:
    """9 heads until the 16th, 3 from the 17th on: 144 and 45 head days."""
    before, after = (
        Window(MONTH.start, Window.of_day("2026-01-17").start),
        Window(Window.of_day("2026-01-17").start, MONTH.end),
    )
    drivers = Drivers.of([*measured("heads", before, web=9), *measured("heads", after, web=3)])
    heads = Driver("heads", aggregate="average")

    assert given(moving(heads), [bucket(None, "189")], drivers) == money(A="144", B="45")


def test_last_known_quantities_stand_in_for_each_day_alike() -> None:
    drivers = Drivers.of(measured("cpu", DECEMBER, web=4))

    assert given(moving(Driver("cpu", last_known_days=31)), [bucket(None, "31")], drivers) == money(A="16", B="15")


def test_tiers_price_the_subject_and_its_owners_share_that() -> None:
    tiers = (Tier(Decimal(10), Decimal(3)), Tier(None, Decimal(1)))
    drivers = Drivers.of(measured("cpu", web=31, db=3))

    assert given(moving(tiers=tiers), [bucket(None, "620")], drivers) == money(
        A=str(Fraction(51, 60) * 620 * 16 / 31), B=str(Fraction(51, 60) * 620 * 15 / 31), C="93"
    )


def test_a_pool_that_is_split_by_day_asks_for_the_owner_of_the_day() -> None:
    drivers = Drivers.of([*measured("cpu", web=31), *measured("cpu", db=31)])
    method = ByDrivers(ALL, (CPU,), subjects=Subjects({"db": cc("C")}, SUSPENSE, MOVES))
    rows = [bucket(None, "10", day="2026-01-16"), bucket(None, "4", day="2026-01-17")]

    assert given([Pool("p", method, ("charge_day",))], rows, drivers) == money(A="5", B="2", C="7")


def test_several_drivers_find_the_owners_of_each_by_itself_or_of_their_sum() -> None:
    first = Window.of_day("2026-01-01")
    drivers = Drivers.of([*measured("cpu", first, web=3, db=1), *measured("gb", web=31, db=31)])
    two = (Driver("cpu"), Driver("gb"))
    subjects = Subjects({"db": cc("C")}, SUSPENSE, MOVES)

    shares = [Pool("p", ByDrivers(ALL, two, "shares", subjects))]
    quantities = [Pool("p", ByDrivers(ALL, two, "quantities", subjects))]

    assert given(shares, [bucket(None, "1240")], drivers) == money(A="625", B="150", C="465")
    assert given(quantities, [bucket(None, "66")], drivers) == money(A="19", B="15", C="32")
