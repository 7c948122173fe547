"""Pools from YAML: what each form means, and what is said about each mistake."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.pool import (
    AsCharged,
    Base,
    Bounds,
    ByDrivers,
    Cap,
    Driver,
    Even,
    FixedAmount,
    FixedPercent,
    FloorPlusVariable,
    Pool,
    Proportional,
    Subjects,
    Tier,
    UsageRate,
)
from services.allocator.domain.rule_set import SUSPENSE, Leaf, RuleSet, Target, Tenure
from services.allocator.loading import Bundle, check, load

CENTERS = "cost_center_id,name,owner\nCC-1,One,ann\nCC-2,Two,bob\nCC-3,Three,cid\n"
SPACES = "value,cost_center_id\nweb,CC-1\ndb,CC-2\n"
HEAD = """\
name: acme
effective_from: 2026-01
basis: BilledCost
cost_centers: centers.csv
mappings: {spaces: spaces.csv}
rules: []
fallback: {suspense: true}
pools:
"""
OTHER = "\n  - {id: other, method: even, targets: [CC-1]}\n"
ALL = tuple(Target("cost_center", name) for name in ("CC-1", "CC-2", "CC-3"))
ONE, TWO, THREE = ALL


def bundle(pools: str) -> Bundle:
    return Bundle(HEAD + pools, {"centers.csv": CENTERS, "spaces.csv": SPACES})


def pool(keys: str) -> Pool:
    return load(bundle(f"  - {{id: p, {keys}}}{OTHER}")).rule_set.pools[0]


def said(keys: str) -> list[str]:
    """What is said about pool p, in line 9 of the document."""
    return [str(error) for error in check(bundle(f"  - {{id: p, {keys}}}{OTHER}"))]


EVEN = "method: even, targets: all"
CPU = "method: driver, targets: all, driver: cpu"
RATE = "method: usage_rate, targets: all, driver: cpu, currency: USD, variance: CC-3"
CHARGED = "method: as_charged, partition_by: [SubAccountId]"
AMOUNTS = "method: fixed_amount, amounts: {CC-1: 500}, currency: USD"


def owners() -> dict[str, Target]:
    pools = {f"pool:{name}": Target("pool", name) for name in ("p", "other")}
    return {target.id: target for target in ALL} | pools


def test_a_driver_by_its_name_and_in_full() -> None:
    assert pool(CPU).method == ByDrivers(ALL, (Driver("cpu"),), subjects=Subjects(owners()))

    full = pool(
        "method: driver, targets: all, combine: quantities, min_percent: 5, max_percent: 60, "
        "subjects: {mapping: spaces, unowned: CC-3}, tiers: [{up_to: 100, rate: 1}, {rate: 0.5}], drivers: ["
        "{metric: cpu, weight: 9, aggregate: average, missing: {last_known_days: 35, instead: ram, then: suspense}}, "
        "{metric: gb}]"
    )
    assert full.method == ByDrivers(
        ALL,
        (Driver("cpu", Decimal(9), "average", 35, "ram", "suspense"), Driver("gb")),
        "quantities",
        Subjects({"web": ONE, "db": TWO}, THREE),
        (Tier(Decimal(100), Decimal(1)), Tier(None, Decimal("0.5"))),
        Bounds(Decimal(5), Decimal(60)),
    )


def test_subjects_that_nobody_owns_are_held_or_ignored() -> None:
    unowned = {
        form: pool(f"{CPU}, subjects: {{unowned: {form}}}").method for form in ("suspense", "ignore", "pool:other")
    }

    assert [method.subjects.unowned for method in unowned.values() if isinstance(method, ByDrivers)] == [
        SUSPENSE, None, Target("pool", "other"),
    ]  # fmt: skip


def test_subjects_may_change_their_owner_by_day() -> None:
    files = {"centers.csv": CENTERS, "spaces.csv": "value,cost_center_id,valid_from,valid_to\nweb,CC-1,,2026-01-16\n"
             "web,CC-2,2026-01-17,\ndb,CC-2,,\n"}  # fmt: skip
    document = HEAD + f"  - {{id: p, {CPU}, subjects: {{mapping: spaces}}}}\n"

    (found,) = load(Bundle(document, files)).rule_set.pools

    moves = (Tenure("CC-1", last="2026-01-16"), Tenure("CC-2", "2026-01-17"))
    assert found.method == ByDrivers(ALL, (Driver("cpu"),), subjects=Subjects({"db": TWO}, dated={"web": moves}))


def test_amounts_with_a_rest_and_a_floor_with_a_variable_part() -> None:
    floor = "floor: {percent: 20, method: even, targets: [CC-1]}, variable: {method: proportional, targets: all}"
    rest = f"rest: {{method: floor_plus_variable, {floor}}}"

    method = pool(f"{AMOUNTS}, {rest}, when_zero: even").method

    inner = FloorPlusVariable(Decimal(20), Even((ONE,)), Proportional(ALL))
    assert method == FixedAmount(((ONE, Decimal(500)),), "USD", inner)


def test_rates_flat_and_graduated() -> None:
    flat, graduated = pool(f"{RATE}, rate: 0.12").method, pool(f"{RATE}, rates: [{{up_to: 5, rate: 2}}, {{rate: 1}}]")

    subjects = Subjects(owners())
    assert flat == UsageRate(ALL, Driver("cpu"), (Tier(None, Decimal("0.12")),), "USD", THREE, subjects)
    assert graduated.method.rates == (Tier(Decimal(5), Decimal(2)), Tier(None, Decimal(1)))  # type: ignore[union-attr]


def test_refunds_are_split_by_the_month_of_the_charge_to_whoever_had_it() -> None:
    refunds = pool(
        f"{CHARGED}, where: {{column: ChargeCategory, equals: Usage}}, otherwise: {{{EVEN}}}, when_zero: CC-1"
    )

    assert refunds.partition_by == ("charge_month", "SubAccountId")
    assert refunds.method == AsCharged(ALL, Leaf("ChargeCategory", "in", ("Usage",)), Even(ALL))
    assert refunds.when_zero == ONE


def test_bases() -> None:
    forms = {
        "direct": Base(), "direct_and_received": Base(received=True),
        "{cost: direct_and_received}": Base(received=True),
        "{cost: direct_and_received, where: {column: ServiceName, equals: EKS}}": Base(
            True, Leaf("ServiceName", "in", ("EKS",))
        ),
        "{where: {column: ServiceName, equals: EKS}}": Base(where=Leaf("ServiceName", "in", ("EKS",))),
        "{basis: EffectiveCost}": Base(basis="EffectiveCost"),
        "{basis: BilledCost, where: {tag: a, equals: b}}": Base(where=Leaf("tag:a", "in", ("b",)), basis="BilledCost"),
    }  # fmt: skip

    for form, base in forms.items():
        assert pool(f"method: proportional, targets: all, base: {form}").method == Proportional(ALL, base)


def test_policies() -> None:
    found = pool(
        "method: proportional, targets: all, when_zero: CC-1, when_negative: pool:other, detail: collapse, "
        "partition_by: [InvoiceId, {tag: cluster}, charge_day]"
    )
    capped = pool(f"{EVEN}, when_negative: fail, cap: {{amounts: {{CC-1: 10.5}}, currency: EUR, spill: suspense}}")

    assert found == Pool(
        "p", Proportional(ALL), ("InvoiceId", "tag:cluster", "charge_day"), ONE, Target("pool", "other"), None, False
    )
    assert (capped.cap, capped.when_negative) == (Cap(((ONE, Decimal("10.5")),), "EUR", SUSPENSE), "fail")
    assert pool("method: fixed_percent, targets: {CC-1: 40}, residual: CC-2").method == FixedPercent(
        ((ONE, Decimal(40)),), TWO
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("method: evn, targets: all", "unknown method 'evn'; did you mean even?"),
        (f"{EVEN}, weight: 3", "unknown key 'weight'; remove it; even has targets, exclude, id, when_zero"),
        (f"{EVEN}, base: direct", "base has no meaning for even"),
        (f"{EVEN}, driver: cpu", "driver has no meaning for even"),
        ("method: even, targets: CC-1", "targets are not a list; write targets: all"),
        ('method: even, targets: ["pool:othr"]', "unknown pool 'othr'; did you mean other?"),
        ("method: fixed_percent, targets: {CC-1: 100}, residual: CC-2", "add up to 100, which leaves no residual"),
        ("method: fixed_percent, targets: {CC-1: 10}, residual: CC-9", "unknown cost center 'CC-9'"),
        ("method: driver, targets: all", "it has no driver; write driver: vcpu-hours, or drivers:"),
        (f"{CPU}, drivers: [{{metric: gb}}]", "it has driver and drivers; write"),
        (f"{CPU}, combine: shares", "combine has no meaning for one driver"),
        (f"{CPU}, combine: sharez", "unknown combine 'sharez'; did you mean shares?"),
        ("method: driver, targets: all, drivers: [{metric: a}, {metric: a}]", "metric a is listed twice"),
        ("method: driver, targets: all, drivers: []", "drivers lists nothing"),
        ("method: driver, targets: all, drivers: [{metric: a, weight: 0}]", "weight is zero"),
        ("method: driver, targets: all, driver: {metric: a, weight: 2}", "unknown key 'weight'"),
        ("method: driver, targets: all, driver: {metric: a, aggregate: max}", "unknown aggregate 'max'; choose"),
        ("method: driver, targets: all, driver: {metric: a, missing: {last_known_days: 0}}", "days is '0'"),
        ("method: driver, targets: all, driver: {metric: a, missing: {last_known_days: 3.5}}", "days is '3.5'"),
        ("method: driver, targets: all, driver: {metric: a, missing: {instead: a}}", "a can't stand in for itself"),
        ("method: driver, targets: all, driver: {metric: a, missing: {then: hold}}", "unknown then 'hold'"),
        (f"{CPU}, subjects: {{mapping: pods}}", "unknown mapping 'pods'; declare it under mappings"),
        (f"{CPU}, subjects: {{unowned: CC-9}}", "unknown cost center 'CC-9'"),
        (f"{CPU}, subjects: {{owner: CC-1}}", "unknown key 'owner'; use only mapping, unowned"),
        (f"{CPU}, tiers: []", "tiers lists nothing"),
        (f"{CPU}, tiers: [{{up_to: 5, rate: 1}}]", "tiers have an up_to each, but the last one has none"),
        (f"{CPU}, tiers: [{{up_to: 5, rate: 1}}, {{up_to: 5, rate: 2}}, {{rate: 3}}]", "tiers do not rise"),
        (f"{CPU}, tiers: [{{rate: 0}}]", "all tiers are zero"),
        (f"{CPU}, tiers: [{{up_to: 5}}, {{rate: 1}}]", "rate is missing"),
        ("method: driver, targets: all, drivers: [{metric: a}, {metric: b}], tiers: [{rate: 1}]", "tiers of several"),
        (f"{CPU}, min_percent: 34", "3 targets with at least 34 percent each are more than 100; lower min_percent"),
        (f"{CPU}, max_percent: 33", "3 targets with at most 33 percent each are less than 100; raise max_percent"),
        (f"{CPU}, min_percent: 30, max_percent: 20", "min_percent is above max_percent"),
        (f"{CPU}, max_percent: 101", "max_percent is above 100"),
        ("method: proportional, targets: all, base: received", "unknown base 'received'; choose direct, "),
        ("method: proportional, targets: all, base: {column: ServiceName}", "unknown key 'column'; use only cost"),
        ("method: proportional, targets: all, base: {}", "base has neither cost nor where nor basis"),
        ("method: proportional, targets: all, base: {basis: ListCost}", "unknown basis 'ListCost'; choose Billed"),
        ('method: proportional, targets: ["pool:other"]', "pool other has no direct cost"),
        (AMOUNTS, "rest is missing; write rest: {method: even, targets: all}"),
        (f"{AMOUNTS}, rest: {{method: even}}", "the pool has no targets"),
        (f"{AMOUNTS}, rest: {{method: even, targets: all, when_zero: even}}", "when_zero has no meaning for even"),
        (f"{AMOUNTS.replace('500', '0')}, rest: {{{EVEN}}}", "all amounts are zero"),
        (f"{AMOUNTS.replace('500', '-5')}, rest: {{{EVEN}}}", "the amount of CC-1 is not a number from 0 on"),
        (f"{AMOUNTS.replace('USD', 'USX')}, rest: {{{EVEN}}}", "'USX' is not an ISO 4217 currency"),
        (f"{AMOUNTS}, rest: {{{EVEN}}}, partition_by: [InvoiceId]", "fixed_amount says amounts of the whole pool"),
        (f"method: floor_plus_variable, floor: {{percent: 0, {EVEN}}}, variable: {{{EVEN}}}", "not between 0 and 100"),
        (f"method: floor_plus_variable, floor: {{{EVEN}}}, variable: {{{EVEN}}}", "not between 0 and 100"),
        (f"method: floor_plus_variable, floor: {{percent: 5, {EVEN}}}", "variable is missing; write variable:"),
        (RATE, "it has no rate; write rate: 0.12"),
        (f"{RATE}, rate: 1, rates: [{{rate: 1}}]", "it has rate and rates"),
        (f"{RATE}, rate: 0", "the rate is zero"),
        (f"{RATE.replace(', variance: CC-3', '')}, rate: 1", "variance is missing; name who takes the difference"),
        (f"{RATE}, rate: 1, when_negative: mirror", "when_negative: mirror has no meaning for usage_rate"),
        (f"{RATE}, rate: 1, when_zero: even", "when_zero has no meaning for usage_rate"),
        (f"{RATE}, rate: 1, partition_by: [charge_day]", "usage_rate says amounts of the whole pool"),
        (f"{EVEN}, when_negative: even", "'even' is no policy and no cost center; choose mirror"),
        (f"{CPU}, when_zero: split", "'split' is no policy and no cost center; choose even"),
        (f"{EVEN}, detail: drop", "unknown detail 'drop'; choose keep, collapse"),
        ("method: as_charged", "as_charged does not say which charges a refund is of"),
        ("method: as_charged, partition_by: [InvoiceId]", "a refund does not share InvoiceId with the lines of its"),
        ("method: as_charged, partition_by: [{tag: team}]", "a refund does not share team with the lines of its"),
        (f"{CHARGED}, where: {{column: ResourceId, equals: r}}", "ResourceId is not known of the charges of earlier"),
        (f"{CHARGED}, when_zero: even", "as_charged has no targets to split evenly over"),
        (f"{CHARGED}, targets: all", "targets has no meaning for as_charged"),
        (f"{CHARGED}, otherwise: {{method: as_charged}}", "as_charged splits a whole pool, not a part of one"),
        (f"{CHARGED}, otherwise: {{{RATE}, rate: 1}}", "usage_rate says amounts of the whole pool"),
        (f"{CHARGED}, otherwise: even", "otherwise is not a mapping"),
        (f"{EVEN}, partition_by: InvoiceId", "partition_by is not a list"),
        (f"{EVEN}, partition_by: [InvoceId]", "unknown column 'InvoceId'; did you mean InvoiceId?"),
        (f"{EVEN}, partition_by: [[InvoiceId]]", "a dimension is not a name"),
        (f"{EVEN}, partition_by: [InvoiceId, {{column: InvoiceId}}]", "partition_by names a dimension twice"),
        (
            "method: proportional, targets: all, base: {cost: direct_and_received, basis: BilledCost}",
            "received cost is known in the rule set's basis only",
        ),
        (f"{EVEN}, cap: {{amounts: {{CC-1: 5}}, currency: USD}}", "spill is missing; write cap:"),
        (f"{EVEN}, cap: {{amounts: {{CC-1: 5}}, currency: USD, spill: CC-1}}", "CC-1 is capped itself"),
        (f"{EVEN}, cap: {{amounts: {{CC-1: 5}}, currency: USD, spill: CC-2}}, partition_by: [RegionId]", "a cap is an"),
        (f"{EVEN}, cap: {{amounts: {{CC-1: 5}}, currency: USD, spill: 'pool:p'}}", "in a circle: p -> p"),
        (f"{CPU}, when_zero: 'pool:p'", "in a circle: p -> p"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_remedy(keys: str, message: str) -> None:
    found = said(keys)

    assert any(message in error for error in found), found
    assert all(error.startswith("rules.yaml:9: p: ") for error in found), found


def test_all_mistakes_of_a_pool_come_at_once() -> None:
    found = said(f"{CPU}, combine: x, when_zero: CC-9, detail: drop, tiers: []")

    assert len(found) == 5


# ---------------------------------------------------------------- reciprocal groups


def group(keys: str = "", groups: str = "[[it, hr]]", hr: str = "[CC-1, 'pool:it']") -> Any:
    document = (
        f"  - {{id: it, method: even, targets: [CC-2, 'pool:hr']{keys}}}\n  - {{id: hr, method: even, targets: {hr}}}\n"
    )
    return bundle(f"{document}reciprocal: {groups}\n")


def test_a_reciprocal_group_may_feed_itself() -> None:
    loaded: RuleSet = load(group()).rule_set

    assert loaded.reciprocal == (("it", "hr"),)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (group(groups="it"), "reciprocal is not a list of lists"),
        (group(groups="[it, hr]"), "reciprocal is not a list of lists"),
        (group(groups="[[it]]"), "a reciprocal group names fewer than two pools"),
        (group(groups="[[it, hr, legal]]"), "unknown pool 'legal' in a reciprocal group"),
        (group(groups="[[it, hr], [it, hr]]"), "pool it is twice in reciprocal groups"),
        (group(", partition_by: [InvoiceId]"), "pools it, hr are not partitioned alike"),
        (group(", when_negative: CC-1"), "pool it of a reciprocal group has its own way with credits"),
        (group(", cap: {amounts: {CC-2: 1}, currency: USD, spill: CC-1}"), "pool it of a reciprocal group has a cap"),
        (group(hr="[CC-1]"), "pool hr feeds no other pool of its reciprocal group"),
        (bundle(
            "  - {id: it, method: fixed_amount, amounts: {'pool:hr': 5}, currency: USD, rest: {method: even, targets: "
            "all}}\n"
            "  - {id: hr, method: even, targets: ['pool:it', CC-1]}\nreciprocal: [[it, hr]]\n"
        ), "pool it of a reciprocal group says amounts, not shares"),
        (bundle(
            "  - {id: it, method: even, targets: ['pool:hr']}\n"
            "  - {id: hr, method: even, targets: ['pool:it']}\nreciprocal: [[it, hr]]\n"
        ), "what enters pool hr never leaves the reciprocal group"),
    ],
)  # fmt: skip
def test_a_group_that_can_not_be_solved_is_refused(bundle: Bundle, message: str) -> None:
    found = [str(error) for error in check(bundle)]

    assert any(message in error for error in found), found


def test_a_circle_that_is_no_group_can_be_declared_one() -> None:
    pools = "  - {id: it, method: even, targets: ['pool:hr']}\n  - {id: hr, method: even, targets: ['pool:it']}\n"

    (error,) = check(bundle(pools))

    assert "hr -> it -> hr; take one of them out" in str(error)
    assert str(error).endswith("or declare them reciprocal")
