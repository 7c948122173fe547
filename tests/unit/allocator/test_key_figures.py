"""Key figures: what part of the cost has an owner, which rules are of use, and since when cost is in suspense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.lines import Flow, Kind, Line
from services.allocator.domain.pool import Even, Pool
from services.allocator.domain.rule_set import SUSPENSE, Leaf, Lookup, Rule, RuleSet, Target
from services.allocator.key_figures import RuleSums, key_figures, tag_sums
from shared.events import AllocationRun, AllocationTotals

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def line(rule: str, kind: Kind, effective: str, currency: str = "USD") -> Line:
    flow = Flow("2026-01", currency, ("",) * 8, rule)
    return Line(flow.allocation_id("CC"), flow, "CC", kind, Decimal(effective) * 2, Decimal(effective), None)


def sums(*lines: Line) -> RuleSums:
    found = RuleSums()
    for one in lines:
        found.add(one)
    return found


def run(cost: str, basis: Any = "EffectiveCost") -> AllocationRun:
    amounts = dict.fromkeys(
        ("allocated_billed", "allocated_effective", "suspense_billed", "suspense_effective"), Decimal(0)
    )
    totals = AllocationTotals(
        currency="USD", events=1, lines=1, cost_billed=Decimal(cost) * 2, cost_effective=Decimal(cost), **amounts
    )
    return AllocationRun(
        run_id="r", billing_period="2026-01", kind="preview", close_id=None, rule_set="s", rule_set_version="v",
        basis=basis, deliveries=[], totals=[totals], lines_hash="", changed_lines=0,
    )  # fmt: skip


def test_percentages_are_of_the_cost_that_went_in() -> None:
    kept = sums(line("a", "direct", "6"), line("b", "shared", "1"), line("c", "suspense", "2")).figures([], None, NOW)
    (usd,) = key_figures(run("9"), kept, NOW)["currencies"]
    assert {name: value for name, value in usd.items() if name.endswith("percent")} == {
        "allocated_percent": "77.78", "direct_percent": "66.67", "shared_percent": "11.11", "suspense_percent": "22.22",
    }  # fmt: skip
    assert (usd["cost"], usd["direct"], usd["suspense"]) == ("9", "6", "2")


def test_amounts_are_in_the_basis_of_the_rule_set() -> None:
    kept = sums(line("a", "direct", "6")).figures([], None, NOW)
    assert key_figures(run("6", "BilledCost"), kept, NOW)["currencies"][0]["direct"] == "12"


def test_without_cost_there_is_no_percentage() -> None:
    kept = sums(line("a", "direct", "1"), line("b", "suspense", "-1")).figures([], None, NOW)
    assert key_figures(run("0"), kept, NOW)["currencies"][0]["allocated_percent"] is None


def test_rules_that_matched_nothing_are_named_in_their_order() -> None:
    kept = sums(line("b", "direct", "1"), line("fallback", "suspense", "1")).figures(["c", "b", "a"], None, NOW)
    found = key_figures(run("2"), kept, NOW)
    assert (found["rules_unmatched"], found["rules_matched"], found["rule_coverage_percent"]) == (
        ["c", "a"],
        1,
        "33.33",
    )


def test_suspense_is_as_old_as_the_first_run_of_those_that_had_some() -> None:
    some, none = sums(line("a", "suspense", "1")), sums(line("a", "direct", "1"))
    first = some.figures([], None, NOW)
    second = some.figures([], first, NOW + timedelta(days=3))
    cleared = none.figures([], second, NOW + timedelta(days=4))
    again = some.figures([], cleared, NOW + timedelta(days=5))

    def age(kept: dict[str, Any]) -> int | None:
        days: int | None = key_figures(run("1"), kept, NOW + timedelta(days=10, hours=1))["currencies"][0][
            "suspense_days"
        ]
        return days

    assert [age(kept) for kept in (first, second, cleared, again)] == [10, 10, None, 5]


def test_each_rule_has_its_sums_by_currency_and_kind() -> None:
    kept = sums(line("a", "direct", "1"), line("a", "direct", "2"), line("a", "direct", "5", "EUR")).figures(
        [], None, NOW
    )
    assert [(row["currency"], row["lines"], row["effective_cost"]) for row in kept["by_rule"]] == [
        ("EUR", 1, "5"),
        ("USD", 2, "3"),
    ]


def tagged(
    *rows: tuple[str, str, str | None, str | None], basis: Any = "EffectiveCost", pools: tuple[Pool, ...] = ()
) -> Any:
    """What is kept of rows of currency, cost and the tags `team` and `env`; billed cost is the double."""
    rules = (Rule("a", Lookup("tag:team"), Leaf("tag:env", "in", ("prod",))), Rule("b", Lookup("SubAccountId")))
    buckets = [
        Bucket((currency, *("",) * (len(GRAIN) - 1), env, team, "other"), Decimal(cost) * 2, Decimal(cost), 1)
        for currency, cost, team, env in rows
    ]
    dimensions = (*GRAIN, "tag:env", "tag:team", "tag:other")
    return tag_sums(Buckets("2026-01", dimensions, buckets), RuleSet("s", "2026-01", basis, rules, SUSPENSE, pools))


def test_the_cost_that_carries_each_tag_that_rules_look_at_is_kept() -> None:
    kept = tagged(
        ("USD", "7", "shop", None), ("USD", "2", "shop", "prod"), ("USD", "1", None, None), ("USD", "-3", "shop", None),
        ("EUR", "5", None, None),
    )  # fmt: skip

    assert [(row["tag"], row["currency"], row["cost"]) for row in kept] == [
        ("env", "EUR", "0"), ("env", "USD", "2"), ("team", "EUR", "0"), ("team", "USD", "6"),
    ]  # fmt: skip


def test_tags_of_pools_count_as_looked_at() -> None:
    pool = Pool("p", Even((Target("cost_center", "CC"),)), ("tag:other",))
    assert [row["tag"] for row in tagged(("USD", "1", None, None), pools=(pool,))] == ["env", "other", "team"]


@pytest.mark.parametrize(("basis", "cost"), [("EffectiveCost", "6"), ("BilledCost", "12")])
def test_tag_compliance_is_a_part_of_all_cost_in_the_basis(basis: str, cost: str) -> None:
    by_tag = tagged(("USD", "6", "shop", None), ("USD", "2", None, None), basis=basis)
    kept = sums(line("a", "direct", "8")).figures([], None, NOW) | {"by_tag": by_tag}

    (usd,) = key_figures(run("8", basis), kept, NOW)["currencies"]

    assert usd["tags"][1] == {"tag": "team", "cost": cost, "percent": "75.00"}


def test_a_run_from_before_tags_were_kept_shows_none() -> None:
    assert key_figures(run("1"), sums().figures([], None, NOW), NOW)["currencies"][0]["tags"] == []
