"""Whether one condition implies another: to prove that a rule can never get a charge.

Sound and not complete: what is said to be implied is, and what can't be proved is not said.
"""

from __future__ import annotations

from services.allocator.domain.comparing import COMPARISONS, comparison, day_of, number_of
from services.allocator.domain.conditions import value_test
from services.allocator.domain.rule_set import All, AnyOf, Condition, Leaf, Not


def implies(given: Condition | None, wanted: Condition | None) -> bool:
    """Whether every charge that meets `given` meets `wanted`; None is met by every charge."""
    if wanted is None or given == wanted:
        return True
    match given, wanted:
        case _, All(parts=parts):
            return all(implies(given, part) for part in parts)
        case AnyOf(parts=parts), _:
            return all(implies(part, wanted) for part in parts)
        case _, AnyOf(parts=parts) if any(implies(given, part) for part in parts):
            return True
        case All(parts=parts), _:
            return any(implies(part, wanted) for part in parts)
        case Leaf(), Leaf():
            return given.dimension == wanted.dimension and _leaf_implies(given, wanted)
        case Leaf(operator="in" | "exists"), Not(part=Leaf() as refused):
            passes, values = value_test(refused), given.values if given.operator == "in" else (None,)
            known = bool(given.values) if given.operator == "in" else not given.expected
            return known and given.dimension == refused.dimension and not any(map(passes, values))
        case Not(part=less), Not(part=more):
            return implies(more, less)
    return False


def _leaf_implies(given: Leaf, wanted: Leaf) -> bool:
    match given.operator, wanted.operator:
        case "exists", _:
            return wanted.operator == "exists" and given.expected == wanted.expected
        case _, "exists":
            return wanted.expected
        case "in", _:
            return bool(given.values) and all(map(value_test(wanted), given.values))
        case ("prefix", "prefix") | ("suffix", "suffix") | (("prefix" | "suffix" | "contains"), "contains"):
            return all(map(value_test(wanted), given.values))
        case "pattern", "pattern":
            return set(given.values) <= set(wanted.values)
        case one, other if one in COMPARISONS and other in COMPARISONS:
            return _tighter(given, wanted)
    return False


def _tighter(given: Leaf, wanted: Leaf) -> bool:
    """Whether a comparison is the other one, with the same limit or a stricter one."""
    (limit,), (other,) = given.values, wanted.values
    for read in (number_of, day_of):
        if (read(limit) is None) != (read(other) is None):
            return False
    upper, exclusive = ("below", "at_most"), ("above", "below")
    if (given.operator in upper) != (wanted.operator in upper):
        return False
    if given.operator in exclusive and wanted.operator in exclusive:
        return comparison("at_most" if wanted.operator in upper else "at_least", other)(limit)
    return comparison(wanted.operator, other)(limit)
