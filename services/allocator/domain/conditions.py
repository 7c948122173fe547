"""Conditions compiled to closures, and the dimensions that a rule set looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services.allocator.domain.buckets import Values
from services.allocator.domain.comparing import comparison
from services.allocator.domain.patterns import Pattern
from services.allocator.domain.rule_set import CHARGE_DAY, All, AnyOf, Condition, Leaf, Lookup, Not, Rule, RuleSet

Test = Callable[[Values], bool]
ValueTest = Callable[[str | None], bool]


def dimensions_of(condition: Condition | None) -> Iterator[str]:
    """Every dimension a condition tests, with repetitions."""
    match condition:
        case Leaf(dimension=dimension):
            yield dimension
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from dimensions_of(part)
        case Not(part=part):
            yield from dimensions_of(part)


def rule_dimensions(rule_set: RuleSet) -> tuple[str, ...]:
    """Every dimension the assignment rules look at, sorted, once each."""
    used = {name for rule in rule_set.rules for name in dimensions_of(rule.when)}
    lookups = [rule.assign for rule in rule_set.rules if isinstance(rule.assign, Lookup)]
    used |= {lookup.dimension for lookup in lookups}
    if any(lookup.dated for lookup in lookups):
        used.add(CHARGE_DAY)
    return tuple(sorted(used))


def value_test(leaf: Leaf) -> ValueTest:
    """Compile a leaf to a test of its dimension's value; a missing value passes only `exists: false`."""
    match leaf.operator:
        case "in":
            return frozenset(leaf.values).__contains__
        case "prefix":
            return lambda value: value is not None and value.startswith(leaf.values)
        case "suffix":
            return lambda value: value is not None and value.endswith(leaf.values)
        case "contains":
            return lambda value: value is not None and any(part in value for part in leaf.values)
        case "pattern":
            patterns = [Pattern(text) for text in leaf.values]
            return lambda value: value is not None and any(pattern.matches(value) for pattern in patterns)
        case "exists":
            return lambda value: (value is not None) is leaf.expected
        case compared:
            (operand,) = leaf.values
            return comparison(compared, operand)


def compile_condition(condition: Condition, position: Mapping[str, int]) -> Test:
    """Compile a condition to a test of a bucket's values; `position` finds each dimension in them."""
    match condition:
        case Leaf():
            return _at(position[condition.dimension], value_test(condition))
        case All(parts=parts):
            tests = [compile_condition(part, position) for part in parts]
            return lambda values: all(test(values) for test in tests)
        case AnyOf(parts=parts):
            tests = [compile_condition(part, position) for part in parts]
            return lambda values: any(test(values) for test in tests)
        case Not(part=part):
            inner = compile_condition(part, position)
            return lambda values: not inner(values)


def _at(i: int, passes: ValueTest) -> Test:
    return lambda values: passes(values[i])


def necessary_leaves(rule: Rule) -> Iterator[Leaf]:
    """Leaves without which the rule cannot match: those that its condition joins by `all`."""
    open_parts: list[Condition] = [rule.when] if rule.when else []
    while open_parts:
        match open_parts.pop(0):
            case Leaf() as leaf:
                yield leaf
            case All(parts=parts):
                open_parts.extend(parts)
