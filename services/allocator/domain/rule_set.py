"""What a rule set is: assignment rules, pools and a fallback, as plain immutable values.

A *dimension* is one thing that rules can look at, written as a string: a FOCUS column (`ServiceName`), a custom column
(`x_Project`) or a tag (`tag:team`). Its value is text, or None when the charge does not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

Basis = Literal["BilledCost", "EffectiveCost"]
Method = Literal["even", "fixed_percent", "weighted", "proportional"]
WhenZero = Literal["even", "suspense", "fail"]

FALLBACK_RULE = "fallback"
"""The rule id of what no rule matched."""


class Target(NamedTuple):
    """Where cost goes: a cost center, a pool, or suspense (which has an empty id)."""

    kind: Literal["cost_center", "pool", "suspense"]
    id: str = ""


SUSPENSE = Target("suspense")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A test of one dimension against one or more `values`; `exists` has `expected` instead."""

    dimension: str
    operator: Literal["in", "prefix", "pattern", "exists"]
    values: tuple[str, ...] = ()
    expected: bool = True


@dataclass(frozen=True, slots=True)
class All:
    """True when every part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when at least one part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the part is not."""

    part: Condition


Condition = Leaf | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Lookup:
    """Assignment by the value of a dimension: a cost center id itself, or by `mapping` from value to cost center id."""

    dimension: str
    mapping: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One assignment rule. Without `when` it applies to every charge that its assignment can resolve."""

    id: str
    assign: Target | Lookup
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Shared cost and how it is split.

    `targets` pairs each target with its weight: 1 for `even`, percent points, weights; for `proportional` the weight
    is each target's direct cost, found when the pool is split, and None here.
    """

    id: str
    method: Method
    targets: tuple[tuple[Target, Decimal | None], ...]
    when_zero: WhenZero = "fail"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A whole rule set: rules in order of precedence, pools, and where the rest goes."""

    name: str
    effective_from: str
    basis: Basis
    rules: tuple[Rule, ...]
    fallback: Target
    pools: tuple[Pool, ...] = ()
