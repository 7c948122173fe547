"""Which rule takes a bucket, and where it sends it.

The first rule that matches wins. To find it without trying every rule, each rule is filed under an *anchor*: one test
of one dimension without which it cannot match. A value's anchored rules are found once per distinct value, and a
decision is made once per distinct combination of the dimensions used, so a thousand rules cost about what ten do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from services.allocator.domain.buckets import Values, projection
from services.allocator.domain.conditions import (
    ValueTest,
    compile_condition,
    necessary_leaves,
    rule_dimensions,
    value_test,
)
from services.allocator.domain.lookups import anchor_of, owner_finder
from services.allocator.domain.rule_set import FALLBACK_RULE, Divided, Leaf, Lookup, Rule, RuleSet, Target


class Decision(NamedTuple):
    """The rule that took a bucket and the target it named."""

    rule_id: str
    target: Target | Divided


Attempt = Callable[[Values], Decision | None]


def assigner(
    rule_set: RuleSet, cost_centers: Collection[str], dimensions: Sequence[str]
) -> Callable[[Values], Decision]:
    """Compile a rule set to a function from a bucket's values to a decision; it never fails to decide.

    Raises:
        DimensionMissing: if the rules use a dimension that the buckets do not have.
    """
    used = rule_dimensions(rule_set)
    pick = projection(dimensions, used)
    decide = decider(rule_set, cost_centers, used)
    decided: dict[Values, Decision] = {}

    def assign(values: Values) -> Decision:
        picked = pick(values)
        decision = decided.get(picked)
        if decision is None:
            decision = decided[picked] = decide(picked)
        return decision

    return assign


def decider(
    rule_set: RuleSet, cost_centers: Collection[str], dimensions: Sequence[str]
) -> Callable[[Values], Decision]:
    """The same for who remembers decisions: `dimensions` include those of `rule_dimensions`, and few others at best."""
    return _Precedence(rule_set, cost_centers, dimensions).decide


def contest(
    rule_set: RuleSet, cost_centers: Collection[str], dimensions: Sequence[str]
) -> Callable[[Values], tuple[Decision, Decision | None]]:
    """Compile a rule set to a function from a bucket's values to the decision, and the next that says another target.

    Raises:
        DimensionMissing: if the rules use a dimension that the buckets do not have.
    """
    used = rule_dimensions(rule_set)
    pick, precedence = projection(dimensions, used), _Precedence(rule_set, cost_centers, used)

    @cache
    def contested(picked: Values) -> tuple[Decision, Decision | None]:
        first = precedence.decide(picked)
        others = (one for one in precedence.willing(picked) if one.target != first.target)
        return first, next(others, None)

    return lambda values: contested(pick(values))


class _Precedence:
    """The rules in order, filed by anchor."""

    def __init__(self, rule_set: RuleSet, cost_centers: Collection[str], used: Sequence[str]) -> None:
        position = {name: i for i, name in enumerate(used)}
        self._attempts = [_attempt(rule, cost_centers, position) for rule in rule_set.rules]
        self._fallback = Decision(FALLBACK_RULE, rule_set.fallback)
        self._unanchored: list[int] = []
        self._anchored: dict[int, _Anchors] = defaultdict(_Anchors)
        for order, rule in enumerate(rule_set.rules):
            self._file(order, rule, cost_centers, position)

    def decide(self, values: Values) -> Decision:
        return next(self.willing(values), self._fallback)

    def willing(self, values: Values) -> Iterator[Decision]:
        """What each rule that matches would decide, the first one first."""
        candidates = list(self._unanchored)
        for i, anchors in self._anchored.items():
            candidates += anchors[values[i]]
        candidates.sort()
        for order in candidates:
            decision = self._attempts[order](values)
            if decision is not None:
                yield decision

    def _file(self, order: int, rule: Rule, cost_centers: Collection[str], position: Mapping[str, int]) -> None:
        leaves = list(necessary_leaves(rule))
        if isinstance(rule.assign, Lookup):
            leaves.append(anchor_of(rule.assign, cost_centers))
        if not leaves:
            self._unanchored.append(order)
            return
        anchor = min(leaves, key=lambda leaf: (leaf.operator != "in", leaf.operator == "exists", len(leaf.values)))
        self._anchored[position[anchor.dimension]].add(order, anchor)


class _Anchors(dict[str | None, list[int]]):
    """The rules anchored at one dimension by value: filed where possible, else found by a test per distinct value."""

    def __init__(self) -> None:
        super().__init__()
        self._by_value: dict[str | None, list[int]] = defaultdict(list)
        self._tests: list[tuple[int, ValueTest]] = []

    def add(self, order: int, leaf: Leaf) -> None:
        if leaf.operator == "in":
            for value in leaf.values:
                self._by_value[value].append(order)
        else:
            self._tests.append((order, value_test(leaf)))

    def __missing__(self, value: str | None) -> list[int]:
        tested = [order for order, passes in self._tests if passes(value)]
        found = self[value] = self._by_value.get(value, []) + tested
        return found


def _attempt(rule: Rule, cost_centers: Collection[str], position: Mapping[str, int]) -> Attempt:
    resolve = _resolver(rule, cost_centers, position)
    if rule.when is None:
        return resolve
    test = compile_condition(rule.when, position)
    return lambda values: resolve(values) if test(values) else None


def _resolver(rule: Rule, cost_centers: Collection[str], position: Mapping[str, int]) -> Attempt:
    if not isinstance(rule.assign, Lookup):
        fixed = Decision(rule.id, rule.assign)
        return lambda _: fixed
    find = owner_finder(rule.assign, cost_centers, position)
    decisions: dict[str, Decision] = {}

    def resolve(values: Values) -> Decision | None:
        owner = find(values)
        if owner is None:
            return None
        if owner not in decisions:
            decisions[owner] = Decision(rule.id, Target("cost_center", owner))
        return decisions[owner]

    return resolve
