"""Who owns a charge by the value of one of its dimensions, and by its day where the table says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from services.allocator.domain.buckets import Values
from services.allocator.domain.patterns import Pattern
from services.allocator.domain.rule_set import CHARGE_DAY, Leaf, Lookup

Find = Callable[[Values], str | None]


def anchor_of(lookup: Lookup, cost_centers: Collection[str]) -> Leaf:
    """A test that every value which the lookup resolves passes."""
    if lookup.pattern is not None:
        return Leaf(lookup.dimension, "pattern", (lookup.pattern,))
    return Leaf(lookup.dimension, "in", (*_always(lookup, cost_centers), *lookup.dated))


def owner_finder(lookup: Lookup, cost_centers: Collection[str], position: Mapping[str, int]) -> Find:
    """Compile a lookup to a function from a bucket's values to a cost center id, or None if it does not resolve.

    A cost center that is not among `cost_centers` is never found.
    """
    at, always = position[lookup.dimension], _always(lookup, cost_centers)
    if not lookup.dated and lookup.pattern is None:
        return lambda values: always.get(values[at])  # type: ignore[arg-type]
    find_value = _value_finder(lookup)
    dated = {
        value: [tenure for tenure in tenures if tenure.cost_center in cost_centers]
        for value, tenures in lookup.dated.items()
    }
    day_at = position[CHARGE_DAY] if dated else 0

    def find(values: Values) -> str | None:
        value = find_value(values[at])
        if value is None:
            return None
        day = values[day_at]
        for tenure in dated.get(value, ()):
            if day is not None and tenure.first <= day <= tenure.last:
                return tenure.cost_center
        return always.get(value)

    return find


def _always(lookup: Lookup, cost_centers: Collection[str]) -> Mapping[str, str]:
    """The owners of the values that have the same one every day."""
    if lookup.mapping is None:
        return {name: name for name in cost_centers if name not in lookup.dated}
    return {value: found for value, found in lookup.mapping.items() if found in cost_centers}


def _value_finder(lookup: Lookup) -> Callable[[str | None], str | None]:
    if lookup.pattern is None:
        return lambda value: value
    pattern = Pattern(lookup.pattern)
    return lambda value: None if value is None else pattern.first_group(value)
