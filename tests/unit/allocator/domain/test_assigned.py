"""Buckets that the rules take in pieces: the same as all at once, and nothing of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from services.allocator.domain.allocate import allocate, allocate_assigned
from services.allocator.domain.assigned import Assigned
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets, DimensionMissing, sums_by
from services.allocator.domain.pool import Even, Pool
from services.allocator.domain.rule_set import SUSPENSE, Leaf, Rule, RuleSet, Target

DIMENSIONS = (*GRAIN, "charge_day", "tag:env")
CENTERS = Target("cost_center", "A"), Target("cost_center", "B")
PROD = Rule("prod", Target("pool", "p"), Leaf("tag:env", "in", ("prod",)))
REST = Rule("rest", CENTERS[0])


def bucket(invoice: str, day: int, env: str | None, amount: str) -> Bucket:
    origin = ("USD", "Cloud", invoice, "Cloud", "VM", "payer", None, "Usage", None)
    return Bucket((*origin, f"2026-01-{day:02}", env), Decimal(amount), Decimal(amount) * 2, 3)


ROWS = [bucket(invoice, day, env, f"{day}.{len(env or '')}1")
        for invoice in ("i1", "i2") for day in (1, 2, 3) for env in ("prod", "dev", None)]  # fmt: skip


def rules(partition_by: tuple[str, ...] = ()) -> RuleSet:
    pool = Pool("p", Even(CENTERS), partition_by)
    return RuleSet(
        name="r", basis="EffectiveCost", effective_from="2026-01", rules=(PROD, REST), pools=(pool,), fallback=SUSPENSE
    )


def assigned(pieces: Sequence[Sequence[Bucket]], rule_set: RuleSet) -> Assigned:
    found = Assigned("2026-01", DIMENSIONS, rule_set, ("A", "B"))
    for rows in pieces:
        found.take(rows)
    return found


@pytest.mark.parametrize("partition_by", [(), ("charge_day",), ("tag:env",)])
def test_pieces_in_any_order_are_allocated_like_all_at_once(partition_by: tuple[str, ...]) -> None:
    rule_set = rules(partition_by)

    found = assigned([ROWS[7:], [], ROWS[:3], ROWS[3:7]], rule_set)

    assert allocate_assigned(found) == allocate(Buckets("2026-01", DIMENSIONS, ROWS), rule_set, ("A", "B"))


def test_it_can_be_allocated_more_than_once() -> None:
    found = assigned([ROWS], rules())

    assert allocate_assigned(found) == allocate_assigned(found)


def test_costs_are_those_of_the_buckets_by_invoice_and_tag() -> None:
    costs, names = assigned([ROWS[:5], ROWS[5:]], rules()).costs, (*GRAIN[:3], "tag:env")

    assert sums_by(costs, names) == sums_by(Buckets("2026-01", DIMENSIONS, ROWS), names)
    assert len(costs.rows) == 2 * 3


def test_a_dimension_that_the_buckets_lack_is_told_before_any_are_read() -> None:
    with pytest.raises(DimensionMissing, match="charge_day"):
        Assigned("2026-01", (*GRAIN, "tag:env"), rules(("charge_day",)), ())
