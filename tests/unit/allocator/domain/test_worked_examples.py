"""Examples whose answers are known from elsewhere, or were worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.division import Division, Part
from services.allocator.domain.drivers import Drivers
from services.allocator.domain.methods.problems import CannotDivide
from services.allocator.domain.pool import ByDrivers, Driver, Even, FixedPercent, Pool, Subjects, Weighted
from services.allocator.domain.pools import stages
from services.allocator.domain.reciprocal import NeverPaysOut, solve
from services.allocator.domain.rule_set import All, Leaf, Rule, Target
from tests.unit.allocator.domain.splitting import (
    MONTH,
    bucket,
    cc,
    ccs,
    given,
    lines_of,
    measured,
    money,
    pool_of,
    weights,
)

# Two service departments and three producing ones. IT costs 600 000 and serves HR 20 %, A 30 %, B 30 %, C 20 %; HR
# costs 116 000 and serves IT 10 %, A 40 %, B 30 %, C 20 %.
IT = ((pool_of("hr"), Decimal(20)), *weights(A=30, B=30, C=20))
HR = ((pool_of("it"), Decimal(10)), *weights(A=40, B=30, C=20))
COSTS = [bucket(None, "600000", service="it"), bucket(None, "116000", service="hr")]
TO_IT = Rule("it", pool_of("it"), All((Leaf("ServiceName", "in", ("it",)), Leaf("SubAccountId", "exists", (), False))))


def test_step_down_gives_the_first_department_to_the_second_and_never_back() -> None:
    """IT: 120 000 to HR, 180 000, 180 000, 120 000. HR: 236 000 in 40 : 30 : 20 over 90."""
    hr = Pool("hr", Weighted(weights(A=40, B=30, C=20)))
    it = Pool("it", FixedPercent(IT))

    found = given([hr, it], COSTS, rules=(TO_IT,))

    thirds = Decimal(236000) / 9
    assert {name: round(amount, 9) for name, amount in found.items()} == {
        "A": round(180000 + 4 * thirds, 9), "B": round(180000 + 3 * thirds, 9), "C": round(120000 + 2 * thirds, 9),
    }  # fmt: skip


def test_reciprocal_departments_serve_each_other() -> None:
    """IT = 600 000 + 0.1 HR and HR = 116 000 + 0.2 IT: IT = 611 600 / 0.98, HR = 236 000 / 0.98.

    A = 0.3 IT + 0.4 HR = 277 880 / 0.98 = 283 551.02; B = 0.3 IT + 0.3 HR = 254 280 / 0.98 = 259 469.39;
    C = 0.2 IT + 0.2 HR = 169 520 / 0.98 = 172 979.59; together 716 000.
    """
    pools = [Pool("hr", FixedPercent(HR)), Pool("it", FixedPercent(IT))]

    found = given(pools, COSTS, rules=(TO_IT,), reciprocal=(("it", "hr"),))

    assert {name: round(amount, 2) for name, amount in found.items()} == {
        "A": Decimal("283551.02"), "B": Decimal("259469.39"), "C": Decimal("172979.59"),
    }  # fmt: skip
    assert sum(found.values()) == 716_000


def test_a_reciprocal_line_names_its_method_pool_and_final_share() -> None:
    pools = [Pool("hr", FixedPercent(HR)), Pool("it", FixedPercent(IT))]

    lines = lines_of(pools, COSTS[:1], rules=(TO_IT,), reciprocal=(("hr", "it"),))

    # One unit that enters IT: A = (0.3 + 0.2 x 0.4) / 0.98 = 38/98, B = 36/98, C = 24/98.
    assert {(x.cost_center, x.flow.path, x.flow.method, x.share) for x in lines} == {
        ("A", ("it",), "reciprocal", (19, 49)), ("B", ("it",), "reciprocal", (18, 49)),
        ("C", ("it",), "reciprocal", (12, 49)),
    }  # fmt: skip


def test_three_pools_in_a_circle_with_drivers() -> None:
    """A -> b half, b -> c half, c -> a half, the rest to A, B, C: one unit at a is 4/7 at A, 2/7 at B, 1/7 at C."""
    names = {"a": ("b", "A"), "b": ("c", "B"), "c": ("a", "C")}
    drivers, pools = [], []
    for name, (next_pool, center) in names.items():
        drivers += measured(name, MONTH, **{f"pool:{next_pool}": 5, center: 5})
        owners = {f"pool:{next_pool}": pool_of(next_pool), center: cc(center)}
        method = ByDrivers(tuple(owners.values()), (Driver(name),), subjects=Subjects(owners))
        pools.append(Pool(name, method))

    assert given(pools, [bucket(None, "7")], Drivers.of(drivers), reciprocal=(("a", "b", "c"),)) == money(
        A="4", B="2", C="1"
    )


def test_a_group_feeds_pools_outside_it_and_is_fed_by_them() -> None:
    top = Pool("top", Even((pool_of("it"), pool_of("hr"))))
    below = Pool("below", Even(ccs("A", "B")))
    it = Pool("it", Even((pool_of("hr"), pool_of("below"))))
    hr = Pool("hr", Even((pool_of("it"), cc("C"))))

    order = stages([below, top, it, hr], [("it", "hr")])

    assert [[pool.id for pool in stage] for stage in order] == [["top"], ["hr", "it"], ["below"]]
    # IT = 6 + HR/2, HR = 6 + IT/2: 12 each; half of each leaves.
    assert given([top, below, it, hr], [bucket(None, "12")], reciprocal=(("it", "hr"),)) == money(A="3", B="3", C="6")


def test_a_group_that_keeps_everything_to_itself_is_refused() -> None:
    def to(target: Target) -> Division:
        return Division.of("even", [Part(target, 1)])  # type: ignore[arg-type]

    with pytest.raises(NeverPaysOut, match="pools a, b give everything to each other"):
        solve({"a": to(pool_of("b")), "b": to(pool_of("a"))})
    with pytest.raises(CannotDivide, match="pool 'a', USD: pools a, b give everything to each other and nothing to"):
        given(
            [Pool("a", Even((pool_of("b"),))), Pool("b", Even((pool_of("a"),)))],
            [bucket(None, "1")],
            reciprocal=(("a", "b"),),
        )


def test_focus_split_of_a_host_by_vcpu_hours() -> None:
    """The vector of the FOCUS 1.5 draft: 60, 36 and 24 vCPU hours of 120; 240.00 effective is 120, 72 and 48."""
    pool = Pool("host", ByDrivers(ccs("A", "B", "C"), (Driver("vcpu-hours"),)))
    lines = lines_of([pool], [bucket(None, "0", "240.00")], Drivers.of(measured("vcpu-hours", A=60, B=36, C=24)))

    assert {x.cost_center: (x.billed_cost, x.effective_cost) for x in lines} == {
        "A": (0, 120), "B": (0, 72), "C": (0, 48),
    }  # fmt: skip
    ratios = [x.share.weight / x.share.weight_total for x in lines if x.share]
    assert sorted(ratios) == [Decimal("0.2"), Decimal("0.3"), Decimal("0.5")]
    assert sum(ratios) == 1


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        # 1 x (4 + 8 + 8) GB hours + 9 x (2 + 4 + 1) vCPU hours = 83; pods web and api are A's, batch is B's.
        ("83.00", {"A": 66, "B": 17}),
        ("8.30", {"A": Decimal("6.6"), "B": Decimal("1.7")}),
    ],
)
def test_aws_split_cost_of_pods(cost: str, expected: Any) -> None:
    """Unit cost = cost / (1 x GB + 9 x vCPU): web 4 + 18 = 22, api 8 + 36 = 44, batch 8 + 9 = 17."""
    used = measured("gb-hours", web=4, api=8, batch=8) + measured("vcpu-hours", web=2, api=4, batch=1)
    owners = Subjects({"web": cc("A"), "api": cc("A"), "batch": cc("B")})
    both = (Driver("gb-hours"), Driver("vcpu-hours", Decimal(9)))
    pool = Pool("eks", ByDrivers(ccs("A", "B"), both, "quantities", owners))

    assert given([pool], [bucket(None, cost)], Drivers.of(used)) == expected
