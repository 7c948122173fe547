"""What splitting promises, whatever the rules: nothing lost, nothing made, no order, no sign, no chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.allocator.domain.allocate import allocate
from services.allocator.domain.assign import assigner
from services.allocator.domain.buckets import Bucket
from services.allocator.domain.cell import Cell
from services.allocator.domain.division import Division, Part
from services.allocator.domain.drivers import NO_DRIVERS, Window
from services.allocator.domain.lines import Line
from services.allocator.domain.methods import CannotDivide
from services.allocator.domain.methods.bounds import bounded
from services.allocator.domain.methods.tiers import pricing
from services.allocator.domain.pool import (
    Bounds,
    ByDrivers,
    Driver,
    FixedAmount,
    FloorPlusVariable,
    Method,
    Tier,
    UsageRate,
)
from services.allocator.domain.rule_set import Target
from shared.money import CONTEXT, UNIT
from tests.property.allocator.graphs import CENTERS, DIMENSIONS, SHARES, WRITTEN, World, amounts, cc, positive, worlds

wide = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
Sums = dict[Any, Decimal]
ROUNDINGS = 60 * UNIT
"""Two units of 1e-18 for each charge and pool on the way of the few charges that these worlds have."""


def run(world: World, rows: Sequence[Bucket] | None = None) -> list[Line]:
    return allocate(world.month(rows), world.rules, CENTERS, world.drivers, world.earlier)


def add(sums: Sums, key: Any, amount: Decimal) -> None:
    sums[key] = CONTEXT.add(sums.get(key, Decimal(0)), amount)


def changed(world: World, change: Callable[[Decimal], Decimal]) -> list[Line]:
    """The lines of all costs changed."""
    rows = [
        row._replace(billed_cost=change(row.billed_cost), effective_cost=change(row.effective_cost))
        for row in world.rows
    ]
    return run(world, rows)


@wide
@given(worlds())
def test_everything_is_allocated_per_rule_currency_and_invoice(world: World) -> None:
    cost_in: Sums = {}
    assign = assigner(world.rules, CENTERS, DIMENSIONS)
    for values, billed, effective, _ in world.rows:
        rule = assign(values).rule_id
        add(cost_in, (rule, *values[:3], "billed"), billed)
        add(cost_in, (rule, *values[:3], "effective"), effective)
    cost_out: Sums = {}
    for line in run(world):
        key = (line.flow.rule_id, line.flow.currency, *line.flow.origin[:2])
        add(cost_out, (*key, "billed"), line.billed_cost)
        add(cost_out, (*key, "effective"), line.effective_cost)

    assert {k: v for k, v in cost_out.items() if v} == {k: v for k, v in cost_in.items() if v}


@wide
@given(worlds())
def test_every_pool_hands_on_what_rules_gave_it(world: World) -> None:
    """Told by the first pool of each line's path, per rule that gives all to one, and currency, from the outside."""
    cost_in: Sums = {}
    assign = assigner(world.rules, CENTERS, DIMENSIONS)
    for values, billed, _, _ in world.rows:
        rule_id, target = assign(values)
        if isinstance(target, Target) and target.kind == "pool":
            add(cost_in, (rule_id, values[0], target.id), billed)
    cost_out: Sums = {}
    for line in run(world):
        if line.flow.path and line.flow.rule_id != "several":
            add(cost_out, (line.flow.rule_id, line.flow.currency, line.flow.path[0]), line.billed_cost)

    assert {k: v for k, v in cost_out.items() if v} == {k: v for k, v in cost_in.items() if v}


@wide
@given(worlds(), st.randoms(use_true_random=False), st.lists(st.tuples(amounts, amounts), min_size=12, max_size=12))
def test_neither_order_nor_pieces_matter(world: World, random: Any, cuts: list[tuple[Decimal, Decimal]]) -> None:
    pieces = []
    for row, (billed, effective) in zip(world.rows, cuts, strict=False):
        rest = CONTEXT.subtract(row.billed_cost, billed), CONTEXT.subtract(row.effective_cost, effective)
        pieces += [row._replace(billed_cost=billed, effective_cost=effective)]
        pieces += [row._replace(billed_cost=rest[0], effective_cost=rest[1])]
    random.shuffle(pieces)

    assert run(world, pieces) == run(world) == run(world)


@wide
@given(worlds((*WRITTEN, "amounts"), mirror=True))
def test_a_credit_is_the_mirror_image_of_a_charge(world: World) -> None:
    """Unless it is split by cost, of which less than nothing weighs nothing, or by rates, which do not look at cost."""
    charged, credited = run(world), changed(world, CONTEXT.minus)

    mirrored = [
        line._replace(billed_cost=CONTEXT.minus(line.billed_cost), effective_cost=CONTEXT.minus(line.effective_cost))
        for line in charged
    ]
    assert mirrored == credited


@wide
@given(worlds(SHARES))
def test_a_charge_doubled_doubles(world: World) -> None:
    once = {line.allocation_id: line for line in run(world)}
    twice = {line.allocation_id: line for line in changed(world, lambda amount: CONTEXT.add(amount, amount))}

    for name in once.keys() | twice.keys():
        for a, b in zip(figures(once.get(name)), figures(twice.get(name)), strict=True):
            assert CONTEXT.subtract(b, CONTEXT.add(a, a)).copy_abs() <= ROUNDINGS


@wide
@given(worlds((*SHARES, "amounts")))
def test_no_line_is_more_than_its_pool_held_or_less_than_nothing(world: World) -> None:
    """Of a month of charges, and unless there are rates."""
    charges = [
        row._replace(billed_cost=row.billed_cost.copy_abs(), effective_cost=row.effective_cost.copy_abs())
        for row in world.rows
    ]
    lines = run(world, charges)
    held: Sums = {}
    for line in lines:
        add(held, (line.flow.currency, line.flow.path[:1], "billed"), line.billed_cost)
        add(held, (line.flow.currency, line.flow.path[:1], "effective"), line.effective_cost)

    for line in lines:
        for basis, amount in zip(("billed", "effective"), figures(line), strict=True):
            assert -ROUNDINGS <= amount <= held[line.flow.currency, line.flow.path[:1], basis] + ROUNDINGS
        if line.share is not None:
            assert 0 < line.share.weight / line.share.weight_total <= 1


@wide
@given(worlds())
def test_ids_are_unique_and_what_is_held_is_told(world: World) -> None:
    lines = run(world)

    assert len({line.allocation_id for line in lines}) == len(lines)
    assert all((line.kind == "suspense") == (line.cost_center == "SUSPENSE") for line in lines)
    assert all(line.kind != "shared" or line.flow.path for line in lines)


@wide
@given(worlds())
def test_a_policy_to_fail_says_so_or_changes_nothing(world: World) -> None:
    """Where no policy is needed, all policies are the same; those that name pools stay, as they order the pools."""
    pools = tuple(
        replace(
            pool,
            method=failing(pool.method),
            when_zero=pool.when_zero if names_a_pool(pool.when_zero) else "fail",
            when_negative=pool.when_negative if names_a_pool(pool.when_negative) else "fail",
        )
        for pool in world.rules.pools
    )
    strict = replace(world, rules=replace(world.rules, pools=pools))
    try:
        assert run(strict) == run(world)
    except CannotDivide as error:
        why = error
    else:
        return
    assert str(why).startswith(f"pool '{why.pool}'")


def names_a_pool(policy: object) -> bool:
    return isinstance(policy, Target) and policy.kind == "pool"


def failing(method: Method) -> Method:
    """A method for which every driver has to be measured."""

    def must(driver: Driver) -> Driver:
        return replace(driver, missing="fail")

    match method:
        case ByDrivers(drivers=drivers):
            return replace(method, drivers=tuple(map(must, drivers)))
        case UsageRate(driver=driver):
            return replace(method, driver=must(driver))
        case FixedAmount(rest=rest):
            return replace(method, rest=failing(rest))
        case FloorPlusVariable(floor=floor, variable=variable):
            return replace(method, floor=failing(floor), variable=failing(variable))
    return method


@given(st.lists(positive, min_size=1, max_size=9), st.integers(0, 11), st.integers(12, 100))
def test_water_filling_meets_the_bounds_exactly(weights: list[Decimal], least: int, most: int) -> None:
    parts = [Part(cc(f"CC-{i}"), Fraction(weight)) for i, weight in enumerate(weights)]
    cell = Cell("p", "USD", (), Decimal(1), Window.of_month("2026-01"), NO_DRIVERS, lambda _: {}, lambda _: None)
    if most * len(weights) < 100:
        return

    found = bounded(Division.of("x", parts), Bounds(Decimal(least), Decimal(most)), cell)

    shares = {part.target: part.weight * 100 / found.whole for part in found.parts}
    assert sum(shares.values()) == 100
    assert all(least <= share <= most for share in shares.values())
    free = [(shares[part.target], part.weight) for part in parts if least < shares[part.target] < most]
    assert len({share / weight for share, weight in free}) <= 1
    order = sorted(parts, key=lambda part: part.weight)
    assert [shares[part.target] for part in order] == sorted(shares.values())


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=4), positive, positive)
def test_a_graduated_price_is_that_of_its_units(
    steps: list[tuple[Decimal, Decimal]], rate: Decimal, q: Decimal
) -> None:
    """The price of a quantity in thousandths, unit by unit, is what the tiers say."""
    edges = sorted({up_to for up_to, _ in steps})
    tiers = [*(Tier(edge, step[1]) for edge, step in zip(edges, steps, strict=False)), Tier(None, rate)]
    quantity = min(q, Decimal(3))

    units = range(int(quantity * 1000))

    def rate_of(thousandth: int) -> Fraction:
        return Fraction(next(t.rate for t in tiers if t.up_to is None or Fraction(thousandth, 1000) < t.up_to))

    by_unit = sum(map(rate_of, units), Fraction(0)) / 1000

    assert pricing(tiers)(Fraction(len(units), 1000)) == by_unit


def figures(line: Line | None) -> tuple[Decimal, Decimal]:
    return (line.billed_cost, line.effective_cost) if line else (Decimal(0), Decimal(0))
