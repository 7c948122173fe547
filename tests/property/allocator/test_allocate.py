"""What allocating promises, whatever the costs and the rules: nothing lost, nothing made, nothing left to chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.lines import Line
from services.allocator.domain.pool import Even, Pool, Proportional, Weighted, WhenZero
from services.allocator.domain.rule_set import SUSPENSE, All, Basis, Leaf, Lookup, Not, Rule, RuleSet, Target
from shared.money import CONTEXT

DIMENSIONS = (*GRAIN, "RegionId", "tag:team")
CENTERS = ("CC-1", "CC-2", "CC-3")

amounts = st.decimals(min_value=-(10**6), max_value=10**6, places=18)
basis: st.SearchStrategy[Basis] = st.sampled_from(("BilledCost", "EffectiveCost"))
maybe = st.sampled_from([None, "a", "b"])


@st.composite
def bucket(draw: st.DrawFn) -> Bucket:
    values = (
        draw(st.sampled_from(["USD", "JPY"])), draw(st.sampled_from(["P", "Q"])), draw(maybe), "P",
        draw(st.sampled_from(["s1", "s2"])), "b1", draw(maybe), draw(st.sampled_from(["Usage", "Tax"])), None,
        draw(maybe), draw(st.sampled_from([None, "CC-1", "CC-2", "typo"])),
    )  # fmt: skip
    return Bucket(values, draw(amounts), draw(amounts), 1)


def cc(name: str) -> Target:
    return Target("cost_center", name)


@st.composite
def rule_set(draw: st.DrawFn) -> RuleSet:
    targets = st.sampled_from([cc("CC-1"), cc("CC-3"), Target("pool", "top"), Target("pool", "low"), SUSPENSE])
    rules = (
        Rule("tax", Target("pool", "top"), Leaf("ChargeCategory", "in", ("Tax",))),
        Rule("region", draw(targets), All((Leaf("RegionId", "in", ("a",)), Not(Leaf("SubAccountId", "exists"))))),
        Rule("by-tag", Lookup("tag:team")),
        Rule("by-account", Lookup("SubAccountId", {"a": "CC-2"}), Leaf("ServiceName", "pattern", ("s[12]",))),
    )
    weights = st.integers(1, 7).map(Decimal)
    split = ((cc("CC-1"), draw(weights)), (Target("pool", "low"), draw(weights)), (cc("CC-3"), Decimal(0)))
    top = Pool("top", Weighted(split))
    low = draw(st.sampled_from([pool_even(), pool_proportional("even"), pool_proportional(SUSPENSE)]))
    order = draw(st.permutations(rules))
    return RuleSet("r", "2026-01", draw(basis), tuple(order), draw(targets), (low, top))


def pool_even() -> Pool:
    return Pool("low", Even(tuple(cc(name) for name in CENTERS)))


def pool_proportional(when_zero: WhenZero) -> Pool:
    return Pool("low", Proportional(tuple(cc(name) for name in CENTERS)), when_zero=when_zero)


def month(rows: Sequence[Bucket]) -> Buckets:
    return Buckets("2026-01", DIMENSIONS, rows)


def sums(lines: Sequence[Line]) -> dict[tuple[object, ...], Decimal]:
    """Both bases by currency, issuer and invoice."""
    found: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for line in lines:
        key = (line.flow.currency, *line.flow.origin[:2])
        found[*key, "billed"] = CONTEXT.add(found[*key, "billed"], line.billed_cost)
        found[*key, "effective"] = CONTEXT.add(found[*key, "effective"], line.effective_cost)
    return {key: value for key, value in found.items() if value}


def costs(rows: Sequence[Bucket]) -> dict[tuple[object, ...], Decimal]:
    found: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for values, billed, effective, _ in rows:
        found[*values[:3], "billed"] = CONTEXT.add(found[*values[:3], "billed"], billed)
        found[*values[:3], "effective"] = CONTEXT.add(found[*values[:3], "effective"], effective)
    return {key: value for key, value in found.items() if value}


rows_of = st.lists(bucket(), max_size=25)


@given(rows_of, rule_set())
def test_every_invoice_is_allocated_to_the_last_digit(rows: list[Bucket], rules: RuleSet) -> None:
    assert sums(allocate(month(rows), rules, CENTERS)) == costs(rows)


@given(rows_of, rule_set(), st.randoms(use_true_random=False))
def test_the_order_of_the_buckets_does_not_matter(rows: list[Bucket], rules: RuleSet, random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert allocate(month(shuffled), rules, CENTERS) == allocate(month(rows), rules, CENTERS)


@given(st.lists(st.tuples(bucket(), amounts, amounts), max_size=15), rule_set())
def test_partitions_do_not_matter(parts: list[tuple[Bucket, Decimal, Decimal]], rules: RuleSet) -> None:
    whole = [row for row, _, _ in parts]
    cut = [
        piece
        for row, billed, effective in parts
        for piece in (
            row._replace(billed_cost=billed, effective_cost=effective),
            row._replace(
                billed_cost=CONTEXT.subtract(row.billed_cost, billed),
                effective_cost=CONTEXT.subtract(row.effective_cost, effective),
            ),
        )
    ]

    assert allocate(month(cut), rules, CENTERS) == allocate(month(whole), rules, CENTERS)


@given(rows_of, rule_set())
def test_credits_split_as_the_mirror_image_of_charges(rows: list[Bucket], rules: RuleSet) -> None:
    fixed = RuleSet(
        rules.name, rules.effective_from, rules.basis, rules.rules, rules.fallback, (*rules.pools[1:], pool_even())
    )
    credited_rows = [
        row._replace(billed_cost=row.billed_cost.copy_negate(), effective_cost=row.effective_cost.copy_negate())
        for row in rows
    ]

    charged, credited = allocate(month(rows), fixed, CENTERS), allocate(month(credited_rows), fixed, CENTERS)

    mirrored = [
        line._replace(billed_cost=line.billed_cost.copy_negate(), effective_cost=line.effective_cost.copy_negate())
        for line in charged
    ]
    assert mirrored == credited


@given(rows_of, rule_set())
def test_ids_are_unique_and_say_what_the_line_is_about(rows: list[Bucket], rules: RuleSet) -> None:
    lines = allocate(month(rows), rules, CENTERS)

    assert len({line.allocation_id for line in lines}) == len(lines)
    assert all((line.kind == "suspense") == (line.cost_center == "SUSPENSE") for line in lines)
    assert all((line.kind == "direct") <= (not line.flow.path) for line in lines)
