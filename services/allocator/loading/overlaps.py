"""Rules that meet half-way: values and days of a rule that an earlier one takes, and days between two rules.

A special rule before a general one is the normal way, and no finding; neither is anything that can't be proved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from services.allocator.domain.conditions import necessary_leaves
from services.allocator.domain.implication import implies
from services.allocator.domain.rule_set import CHARGE_DAY, All, Condition, Leaf, Lookup, Rule
from services.allocator.loading.days import ALWAYS, Days, day_after, day_before, days_between
from services.allocator.loading.problems import listed
from services.allocator.loading.reaching import Takers
from shared.documents import Mapping as MappingNode
from shared.documents import Node, Problems, Reader, Text

_VALUES_MAX: Final = 1_000
_GAP_DAYS_MAX: Final = 31
"""Rules that are further apart than that are most likely meant to be."""


def warn_of_overlaps(rules: Sequence[Rule], readers: Mapping[str, Reader], problems: Problems) -> None:
    """Warn of values in the tests of a rule that an earlier rule takes, and of days that two rules share or leave out.

    Args:
        rules: without overrides, which are there to take something from others.
    """
    takers = Takers()
    for rule in rules:
        lost = _lost(rule, takers, _texts(readers[rule.id].node))
        for taker, values in lost.items():
            _warn_of_values(rule.id, taker, values, readers, problems)
        if not isinstance(rule.assign, Lookup):
            takers.add(rule)
    for one, other in _neighbours(rules):
        _warn_of_days(one, other, readers, problems)
    problems.rule = ""


def _lost(rule: Rule, takers: Takers, written: frozenset[str]) -> dict[str, list[str]]:
    """By earlier rule the values, of those that stand in this rule, with which it can't get any charge."""
    found: dict[str, list[str]] = defaultdict(list)
    for leaf in necessary_leaves(rule):
        if leaf.operator == "in" and 1 < len(leaf.values) <= _VALUES_MAX:
            for value in (value for value in leaf.values if value in written):
                only = replace(rule, when=_with(rule.when, leaf, replace(leaf, values=(value,))))
                taker = takers.of(only)
                if taker and taker.assign != rule.assign and not implies(taker.when, rule.when):
                    found[taker.id].append(repr(value))
    return found


def _with(condition: Condition | None, leaf: Leaf, instead: Leaf) -> Condition:
    match condition:
        case All(parts=parts):
            return All(tuple(_with(part, leaf, instead) for part in parts))
        case None:
            return instead
    return instead if condition is leaf else condition


def _warn_of_values(
    name: str, taker: str, values: Sequence[str], readers: Mapping[str, Reader], problems: Problems
) -> None:
    problems.rule = name
    line, first = readers[name].node.line, readers[taker].node.line
    message = (
        f"no charge with {listed(values)} gets here: rule {taker} in line {first} takes them all, for another target"
    )
    problems.warn(line, message, f"take that out of this rule or of {taker}, or exchange the two rules")


class _Held(NamedTuple):
    """A rule, and the days on which it holds."""

    rule: Rule
    days: Days


def _neighbours(rules: Sequence[Rule]) -> Iterator[tuple[_Held, _Held]]:
    """Dated rules with the same condition and different ids, each with the one that begins after it."""
    alike: dict[Condition | None, list[_Held]] = defaultdict(list)
    for rule in rules:
        condition, days = _without_days(rule)
        if not isinstance(rule.assign, Lookup):
            alike[condition].append(_Held(rule, days))
    for held in alike.values():
        if len(held) > 1 and all(one.days != ALWAYS for one in held):
            in_time = sorted(held, key=lambda one: one.days)
            yield from ((one, other) for one, other in pairwise(in_time) if one.rule.id != other.rule.id)


def _without_days(rule: Rule) -> tuple[Condition | None, Days]:
    """A rule's condition apart from the days that it holds on."""
    parts = rule.when.parts if isinstance(rule.when, All) else (rule.when,) if rule.when else ()
    days, others = ALWAYS, []
    for part in parts:
        match part:
            case Leaf(dimension=dimension, operator="at_least", values=(day,)) if dimension == CHARGE_DAY:
                days = days.within(Days(first=day))
            case Leaf(dimension=dimension, operator="at_most", values=(day,)) if dimension == CHARGE_DAY:
                days = days.within(Days(last=day))
            case _:
                others.append(part)
    return (All(tuple(others)) if others else None), days


def _warn_of_days(one: _Held, other: _Held, readers: Mapping[str, Reader], problems: Problems) -> None:
    """Warn of the days that two rules both hold on, if neither is inside the other, and of those between them."""
    both = one.days.within(other.days)
    lines = {held.rule.id: readers[held.rule.id].node.line for held in (one, other)}
    name, first = sorted(lines, key=lines.__getitem__, reverse=True)
    problems.rule = name
    if both.are_none:
        gap = Days(day_after(one.days.last), day_before(other.days.first))
        if not gap.are_none and days_between(gap) <= _GAP_DAYS_MAX:
            message = f"from {gap.first} to {gap.last} neither this nor rule {first} in line {lines[first]} holds"
            problems.warn(lines[name], message, "let one begin on the day after the other ends")
    elif both not in (one.days, other.days) and one.rule.assign != other.rule.assign:
        message = f"from {both.first} to {both.last} rule {first} in line {lines[first]} takes these charges"
        problems.warn(lines[name], message, "let one begin on the day after the other ends")


def _texts(node: Node) -> frozenset[str]:
    """Every text in a part of the document."""
    if isinstance(node, Text):
        return frozenset({node.text})
    inner = node.items.values() if isinstance(node, MappingNode) else node.items
    return frozenset().union(*map(_texts, inner))
