"""Adjustments: whatever came late, in however many parts, final lines plus all differences are what one run says."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.allocator.domain.adjusting import adjust, adjustment_id
from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Bucket
from services.allocator.domain.conservation import ConservationBroken
from services.allocator.domain.lines import Line
from services.allocator.explaining.adjustment import explain_adjusting
from services.allocator.explaining.explanation import explain
from services.allocator.line_content import LineEncoder
from services.allocator.publishing import line_of
from shared.events import AdjustmentRun, Allocation, decode
from shared.money import CONTEXT
from tests.property.allocator.graphs import CENTERS, World, buckets, measurements, worlds

Amounts = dict[str, tuple[Decimal, Decimal]]

ADJUSTMENT = AdjustmentRun(
    run_id="a", billing_period="2026-01", number=1, close_id="c", rule_set="r", rule_set_version="v",
    basis="BilledCost", deliveries=["late"], totals=[], lines_hash="",
)  # fmt: skip
late_deliveries = st.lists(st.tuples(st.lists(buckets, max_size=4).map(tuple), measurements()), max_size=3)


def run(world: World, rows: tuple[Bucket, ...]) -> list[Line]:
    return allocate(world.month(rows), world.rules, CENTERS, world.drivers, world.earlier)


def sums(lines: list[Line]) -> Amounts:
    """Both bases by line; lines that add up to nothing left out."""
    found: Amounts = {}
    for line in lines:
        billed, effective = found.get(line.allocation_id, (Decimal(0), Decimal(0)))
        found[line.allocation_id] = (
            CONTEXT.add(billed, line.billed_cost),
            CONTEXT.add(effective, line.effective_cost),
        )
    return {key: amounts for key, amounts in found.items() if any(amounts)}


def published(lines: list[Line]) -> list[Allocation]:
    """Lines as the topic has them, without those of nothing."""
    found = [decode(Allocation, LineEncoder().line(line, "r", "v").body(1, "run-1")) for line in lines]
    return [line for line in found if line.billed_cost or line.effective_cost]


def by_invoice(lines: list[Line]) -> dict[tuple[str | None, ...], Decimal]:
    found: dict[tuple[str | None, ...], Decimal] = defaultdict(Decimal)
    for line in lines:
        key = (line.flow.currency, *line.flow.origin[:2])
        found[key] = CONTEXT.add(found[key], line.billed_cost)
    return {key: amount for key, amount in found.items() if amount}


@given(worlds(), late_deliveries)
def test_the_final_run_and_all_adjustments_are_one_run_over_everything(
    world: World, late: list[tuple[tuple[Bucket, ...], object]]
) -> None:
    rows = world.rows
    booked = run(world, rows)
    for more, drivers in late:
        rows += more
        world = World(world.rules, rows, drivers, world.earlier)  # type: ignore[arg-type]
        everything = run(world, rows)
        found = adjust(world.month(rows), everything, booked)
        booked += [line_of(LineEncoder().adjustment(line, 1, "acme", "v1").body(1, "run-1")) for line in found]

        assert sums(booked) == sums(everything)
        assert adjust(world.month(rows), everything, booked) == [], "twice is once"


@given(worlds(), st.lists(buckets, min_size=1, max_size=4).map(tuple), measurements())
def test_an_adjusting_line_is_explained_by_the_line_before_and_by_what_one_run_over_everything_says(
    world: World, more: tuple[Bucket, ...], drivers: object
) -> None:
    first = run(world, world.rows)
    now = World(world.rules, world.rows + more, drivers, world.earlier)  # type: ignore[arg-type]
    everything = run(now, now.rows)
    found = adjust(now.month(), everything, first)
    final, whole = published(first), published(everything)
    adjusting = [decode(Allocation, LineEncoder().adjustment(line, 1, "r", "v").body(1, "a")) for line in found]
    lines = {line.allocation_id: line for line in whole}

    for line in adjusting:
        said = explain_adjusting(line, ADJUSTMENT, final, adjusting)

        for name in ("billed_cost", "effective_cost"):
            before, after = (Decimal(said[side]["line"][name]) for side in ("before", "after"))
            assert CONTEXT.subtract(after, before) == getattr(line, name)
        if line.adjusts in lines:
            direct = explain(lines[line.adjusts], whole)
            assert {name: said["after"][name] for name in direct.keys() & said["after"].keys() - {"line"}} == {
                name: direct[name] for name in ("given", "share", "steps")
            }


@given(worlds(), measurements())
def test_drivers_that_are_corrected_move_cost_and_add_none(world: World, drivers: object) -> None:
    corrected = World(world.rules, world.rows, drivers, world.earlier)  # type: ignore[arg-type]

    found = adjust(world.month(), run(corrected, world.rows), run(world, world.rows))

    assert by_invoice(found) == {}


@given(worlds(), st.lists(buckets, min_size=1, max_size=4).map(tuple))
def test_a_late_retraction_takes_back_exactly_what_the_charge_gave(world: World, more: tuple[Bucket, ...]) -> None:
    minus = CONTEXT.minus
    taken_back = tuple(
        b._replace(billed_cost=minus(b.billed_cost), effective_cost=minus(b.effective_cost)) for b in more
    )
    before, with_more = run(world, world.rows), run(world, world.rows + more)

    added = adjust(world.month(world.rows + more), with_more, before)
    back = adjust(
        world.month(world.rows + more + taken_back), run(world, world.rows + more + taken_back), before + added
    )

    assert sums(added + back) == {}
    assert by_invoice(back) == {key: minus(amount) for key, amount in by_invoice(added).items()}


@given(worlds())
def test_lines_are_read_back_as_they_were_written(world: World) -> None:
    for line in run(world, world.rows):
        read = line_of(LineEncoder().line(line, "acme", "v1").body(3, "run-1"))

        assert read.flow.allocation_id(line.cost_center) == line.allocation_id
        assert read._replace(flow=line.flow) == line
        assert (read.flow.steps, read.flow.path, read.flow.origin) == (
            line.flow.steps,
            line.flow.path,
            line.flow.origin,
        )


@given(worlds(), st.integers(1, 99))
def test_a_difference_travels_under_its_own_id_and_names_the_line_that_it_adds_to(world: World, number: int) -> None:
    for line in run(world, world.rows):
        published = decode(Allocation, LineEncoder().adjustment(line, number, "acme", "v1").body(1, "run-1"))

        assert published.allocation_id == adjustment_id(line.allocation_id, number) != line.allocation_id
        assert (published.adjusts, published.adjustment, published.billing_period) == (
            line.allocation_id,
            number,
            "2026-01",
        )


@given(worlds(), buckets.filter(lambda one: bool(one.billed_cost)))
def test_differences_that_are_not_the_late_cost_are_refused(world: World, lost: Bucket) -> None:
    lines = run(world, world.rows)

    with pytest.raises(ConservationBroken):
        adjust(world.month((*world.rows, lost)), lines, lines)
