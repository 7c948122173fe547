"""Tag rules: what is done to the tags of a row, as functions of one set of tags, and of what virtual tags look at.

Nothing here knows rows or columns: a set of tags is normalised once, however many rows carry it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, NamedTuple

AS_DELIVERED: Final = "x_TagsAsDelivered"
"""The custom column that keeps the tags of a row as they were delivered, where they were changed."""

_SEPARATORS: Final = re.compile(r"[\s_.:/-]+")

Tags = dict[str, object]
Kind = Literal["column", "tag"]
Operator = Literal["in", "prefix", "exists"]


class Case(StrEnum):
    """What becomes of upper and lower case."""

    KEEP = "keep"
    LOWER = "lower"
    UPPER = "upper"

    def apply(self, text: str) -> str:
        """Write a text in this case."""
        return text if self is Case.KEEP else text.lower() if self is Case.LOWER else text.upper()


class Dimension(NamedTuple):
    """What a virtual tag looks at: a column, or another tag."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test of a dimension's value; a missing value passes only `exists: false`."""

    dimension: Dimension
    operator: Operator
    values: tuple[str, ...] = ()
    expected: bool = True

    def holds(self, value: str | None) -> bool:
        """Whether a value passes."""
        if self.operator == "exists":
            return (value is not None) == self.expected
        if value is None:
            return False
        return value in self.values if self.operator == "in" else value.startswith(self.values)


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions joined: all of them, any of them, or not the one."""

    operator: Literal["all", "any", "not"]
    parts: tuple[Condition, ...]


Condition = Leaf | Combination


@dataclass(frozen=True, slots=True)
class VirtualTag:
    """A tag that rows get by a rule: a fixed value, or a dimension's. One that is there stays, unless replaced."""

    key: str
    condition: Condition | None
    value: str | None = None
    value_of: Dimension | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What is done to the tags of some sources, or of all if it names none.

    `aliases` leads from what a key may be called to its name, in the order of preference; `values` and `value_case` go
    by the key's final name.
    """

    name: str
    sources: frozenset[str] = frozenset()
    trim: bool = False
    key_case: Case = Case.KEEP
    aliases: Mapping[str, str] = field(default_factory=dict)
    value_case: Mapping[str, Case] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    virtual: tuple[VirtualTag, ...] = ()

    def concerns(self, source: str) -> bool:
        """Whether it is applied to a source."""
        return not self.sources or source in self.sources


class Normalised(NamedTuple):
    """Tags after a normalisation, and the steps that changed something."""

    tags: Tags
    steps: frozenset[str]


class _Named(NamedTuple):
    """A tag on its way: how good a claim it has to its name, and what it brings."""

    rank: int
    delivered_key: str
    value: object


def normalise(rule: Normalisation, tags: Tags) -> Normalised:
    """Apply everything but virtual tags. Values that are no text stay as they are.

    When several tags come to one name, the one that has it already wins, then the one that only needed another case,
    then the aliases in their order; the step `conflict` says that another one had another value.
    """
    steps: set[str] = set()
    claims: dict[str, list[_Named]] = defaultdict(list)
    for key, value in tags.items():
        name, rank = _name(rule, key, steps)
        claims[name].append(_Named(rank, key, _value(rule, name, value, steps)))
    result: Tags = {}
    for name, named in claims.items():
        first, *others = sorted(named, key=lambda one: one[:2])
        result[name] = first.value
        if any(other.value != first.value for other in others):
            steps.add("conflict")
    return Normalised(result, frozenset(steps))


def with_virtual(rule: VirtualTag, tags: Tags, value: str | None) -> Tags:
    """The tags with a virtual tag of a value; the same ones if it has none, or must not be replaced."""
    if not value or (rule.key in tags and not rule.replace):
        return tags
    return tags | {rule.key: value}


def tag_text(tags: Tags, key: str) -> str | None:
    """A tag's value as conditions see it: text as it is, true and false as JSON writes them, null as missing."""
    value = tags.get(key)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def lookalikes(keys: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of keys that a person takes for the same: they differ in case, blanks and separators only."""
    groups: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        groups[_SEPARATORS.sub("", key.strip().casefold())].add(key)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def dimensions(condition: Condition | None) -> set[Dimension]:
    """What a condition looks at."""
    if condition is None:
        return set()
    if isinstance(condition, Leaf):
        return {condition.dimension}
    return set().union(*(dimensions(part) for part in condition.parts))


def canonical_key(rule: Normalisation, key: str) -> str:
    """A key after trimming and change of case, before aliases."""
    return rule.key_case.apply(key.strip() if rule.trim else key)


def canonical_value(rule: Normalisation, key: str, value: str) -> str:
    """A value after trimming and change of case, before the map of values."""
    return rule.value_case.get(key, Case.KEEP).apply(value.strip() if rule.trim else value)


def _name(rule: Normalisation, key: str, steps: set[str]) -> tuple[str, int]:
    cased = _stepwise(key, steps, ("trim", _strip if rule.trim else _same), ("key-case", rule.key_case.apply)) or key
    if cased in rule.aliases:
        steps.add("alias")
        return rule.aliases[cased], 2 + list(rule.aliases).index(cased)
    return cased, int(cased != key)


def _value(rule: Normalisation, name: str, value: object, steps: set[str]) -> object:
    if not isinstance(value, str):
        return value
    mapped = rule.values.get(name, {})
    return _stepwise(
        value, steps, ("trim", _strip if rule.trim else _same),
        ("value-case", rule.value_case.get(name, Case.KEEP).apply), ("value", lambda text: mapped.get(text, text)),
    )  # fmt: skip


def _stepwise(text: str, steps: set[str], *changes: tuple[str, Callable[[str], str]]) -> str:
    for step, change in changes:
        changed = change(text)
        if changed != text:
            steps.add(step)
        text = changed
    return text


def _strip(text: str) -> str:
    return text.strip()


def _same(text: str) -> str:
    return text
