"""Rules that no charge can reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from services.allocator.domain.conditions import necessary_leaves
from services.allocator.domain.implication import implies
from services.allocator.domain.rule_set import All, AnyOf, Condition, Leaf, Lookup, Not, Rule
from shared.documents import Problems

_VALUES_MAX: Final = 1_000
_COMPARISONS_MAX: Final = 300_000


def refuse_unreachable(rules: Sequence[Rule], lines: Mapping[str, int], problems: Problems) -> None:
    """Refuse rules whose every charge an earlier rule always takes, where that can be proved.

    Only a rule with fixed targets always takes what meets its condition: a lookup may not resolve.
    """
    takers = Takers()
    hidden: dict[str, str | None] = {}
    for rule in rules:
        taker = takers.of(rule)
        reached = rule.id in hidden and hidden[rule.id] is None
        hidden[rule.id] = None if reached or taker is None else taker.id
        if not isinstance(rule.assign, Lookup):
            takers.add(rule)
    for name, by in hidden.items():
        if by is not None:
            problems.rule = name
            advice = f"move it before {by}, let that one take less, or delete this one"
            problems.add(lines[name], f"no charge gets here: rule {by} in line {lines[by]} takes them all", advice)
    problems.rule = ""


class Takers:
    """Rules that take every charge which meets their condition, filed so that few have to be compared."""

    def __init__(self) -> None:
        self._everything: Rule | None = None
        self._by_value: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        self._by_dimension: dict[str, list[Rule]] = defaultdict(list)
        self._comparisons = 0

    def add(self, rule: Rule) -> None:
        if rule.when is None:
            self._everything = self._everything or rule
            return
        needed = list(necessary_leaves(rule))
        exact = [leaf for leaf in needed if leaf.operator == "in" and len(leaf.values) <= _VALUES_MAX]
        if exact:
            leaf = min(exact, key=lambda one: len(one.values))
            for value in leaf.values:
                self._by_value[leaf.dimension, value].append(rule)
        else:
            for dimension in {leaf.dimension for leaf in needed[:1] or _leaves(rule.when)}:
                self._by_dimension[dimension].append(rule)

    def of(self, rule: Rule) -> Rule | None:
        """A rule that takes all the charges of another; after very many comparisons it looks no further."""
        if self._everything is not None:
            return self._everything
        given = _condition_of(rule)
        for taker in self._candidates(given):
            self._comparisons += 1
            if self._comparisons > _COMPARISONS_MAX:
                return None
            if taker.id != rule.id and implies(given, taker.when):
                return taker
        return None

    def _candidates(self, given: Condition | None) -> Iterator[Rule]:
        """Whoever has a value in `exact` must have the first value of a test that implies it."""
        leaves = list(_leaves(given)) if given else []
        for leaf in leaves:
            if leaf.operator == "in" and leaf.values:
                yield from self._by_value.get((leaf.dimension, leaf.values[0]), ())
        for dimension in sorted({leaf.dimension for leaf in leaves}):
            yield from self._by_dimension.get(dimension, ())


def _condition_of(rule: Rule) -> Condition | None:
    """What a charge must meet for the rule to take it; a lookup needs a value."""
    if not isinstance(rule.assign, Lookup):
        return rule.when
    value = Leaf(rule.assign.dimension, "exists")
    return All((rule.when, value)) if rule.when else value


def _leaves(condition: Condition) -> Iterator[Leaf]:
    match condition:
        case Leaf():
            yield condition
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part=part):
            yield from _leaves(part)
