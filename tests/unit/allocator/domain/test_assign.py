"""Which rule takes a charge: first match wins, however the rules are filed."""

from __future__ import annotations

import random

import pytest

from services.allocator.domain.assign import Decision, assigner
from services.allocator.domain.conditions import compile_condition
from services.allocator.domain.rule_set import (
    SUSPENSE,
    All,
    AnyOf,
    Condition,
    Leaf,
    Lookup,
    Not,
    Operator,
    Rule,
    RuleSet,
    Target,
    Tenure,
)

DIMENSIONS = ("ServiceName", "tag:team", "x_Project")
A, B = Target("cost_center", "A"), Target("cost_center", "B")


def equals(dimension: str, value: str) -> Leaf:
    return Leaf(dimension, "in", (value,))


def decide(rules: tuple[Rule, ...], *values: str | None) -> Decision:
    rule_set = RuleSet("r", "2026-01", "BilledCost", rules, SUSPENSE)
    return assigner(rule_set, ("A", "B"), DIMENSIONS)(values)


@pytest.mark.parametrize(
    ("condition", "value", "passes"),
    [
        (Leaf("tag:team", "in", ("x", "y")), "y", True),
        (Leaf("tag:team", "in", ("x", "y")), None, False),
        (Leaf("tag:team", "prefix", ("web-",)), "web-1", True),
        (Leaf("tag:team", "prefix", ("web-",)), None, False),
        (Leaf("tag:team", "pattern", ("web-[0-9]+",)), "web-12", True),
        (Leaf("tag:team", "pattern", ("web-[0-9]+",)), "web-12x", False),
        (Leaf("tag:team", "exists"), "", True),
        (Leaf("tag:team", "exists", expected=False), None, True),
        (Not(Leaf("tag:team", "exists")), None, True),
        (AnyOf((equals("tag:team", "x"), equals("ServiceName", "s"))), "z", True),
        (All((equals("tag:team", "x"), equals("ServiceName", "s"))), "z", False),
    ],
)
def test_conditions(condition: Condition, value: str | None, passes: bool) -> None:
    test = compile_condition(condition, {"ServiceName": 0, "tag:team": 1})

    assert test(("s", value)) is passes


def test_the_first_match_wins_over_a_later_one() -> None:
    rules = (Rule("first", A, Leaf("ServiceName", "prefix", ("s",))), Rule("second", B, equals("ServiceName", "s1")))

    assert decide(rules, "s1", None, None) == Decision("first", A)


def test_an_assignment_that_does_not_resolve_leaves_the_charge_to_the_next_rule() -> None:
    rules = (
        Rule("by-tag", Lookup("tag:team")),
        Rule("by-project", Lookup("x_Project", {"p": "B", "q": "closed"})),
    )

    assert decide(rules, "s", "typo", "p") == Decision("by-project", B)
    assert decide(rules, "s", None, "q") == Decision("fallback", SUSPENSE)


def test_the_owner_of_a_value_may_depend_on_the_day() -> None:
    dated = {
        "web": (Tenure("A", last="2026-01-16"), Tenure("B", "2026-01-17", "2026-02-01"), Tenure("closed", "2026-02-02"))
    }
    rule_set = RuleSet("r", "2026-01", "BilledCost", (Rule("t", Lookup("tag:team", {"app": "A"}, dated)),), SUSPENSE)
    assign = assigner(rule_set, ("A", "B"), ("charge_day", "tag:team"))

    days = ("2026-01-16", "2026-01-17", "2026-02-01", "2026-02-02")
    assert [assign((day, "web")).target for day in days] == [A, B, B, SUSPENSE]
    assert {assign((day, "app")).target for day in days} == {A}
    assert assign((None, "web")).target == SUSPENSE


def test_a_lookup_by_pattern_finds_what_its_group_names() -> None:
    rules = (
        Rule("p", Lookup("x_Project", pattern="(.)-.*")),
        Rule("q", Lookup("x_Project", {"x": "B"}, pattern=".-(.)")),
    )

    assert decide(rules, "s", None, "A-x") == Decision("p", A)
    assert decide(rules, "s", None, "C-x") == Decision("q", B)
    assert decide(rules, "s", None, "x") == Decision("fallback", SUSPENSE)


def test_a_thousand_rules_decide_as_if_each_were_tried_in_order() -> None:
    dice = random.Random(5)
    rules = tuple(_random_rule(dice, i) for i in range(1_000))
    rule_set = RuleSet("r", "2026-01", "BilledCost", rules, SUSPENSE)
    assign = assigner(rule_set, ("A", "B"), DIMENSIONS)
    position = {name: i for i, name in enumerate(DIMENSIONS)}
    tests = [compile_condition(rule.when or All(()), position) for rule in rules]

    for _ in range(300):
        values = tuple(dice.choice([None, *(f"v{i}" for i in range(40))]) for _ in DIMENSIONS)
        first = next((rule for rule, test in zip(rules, tests, strict=True) if test(values)), None)
        assert assign(values).rule_id == (first.id if first else "fallback")


def _random_rule(dice: random.Random, i: int) -> Rule:
    def leaf() -> Leaf:
        value = f"v{dice.randrange(40)}"
        operator: Operator = dice.choice(["in", "in", "prefix", "suffix", "contains", "pattern", "above", "exists"])
        value = str(dice.randrange(40)) if operator == "above" else value
        return Leaf(dice.choice(DIMENSIONS), operator, () if operator == "exists" else (value,))

    shape = dice.choice(["all", "all", "any", "not"])
    parts = (leaf(), equals(dice.choice(DIMENSIONS), f"v{dice.randrange(40)}"), leaf())
    when: Condition = All(parts) if shape == "all" else All((AnyOf(parts), equals("x_Project", "v1")))
    return Rule(f"r{i}", A, All((Not(leaf()), *parts)) if shape == "not" else when)
