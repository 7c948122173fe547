"""What a rule set is: assignment rules, pools and a fallback, as plain immutable values.

A *dimension* is one thing that rules can look at, written as a string: a FOCUS column (`ServiceName`), a custom column
(`x_Project`), a tag (`tag:team`) or the day of the charge (`charge_day`). Its value is text, or None when the charge
does not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from services.allocator.domain.pool import Pool

Basis = Literal["BilledCost", "EffectiveCost"]

CHARGE_DAY = "charge_day"
"""The dimension of the first UTC day of a charge, `YYYY-MM-DD`."""

CHARGE_MONTH = "charge_month"
"""The dimension of the month of a charge's first UTC day, `YYYY-MM`."""

FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"
"""The ends of time, for what has no first or last day."""

FALLBACK_RULE = "fallback"
"""The rule id of what no rule matched."""


class Target(NamedTuple):
    """Where cost goes: a cost center, a pool, or suspense (which has an empty id)."""

    kind: Literal["cost_center", "pool", "suspense"]
    id: str = ""


SUSPENSE = Target("suspense")


Operator = Literal["in", "prefix", "suffix", "contains", "pattern", "exists", "above", "below", "at_least", "at_most"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A test of one dimension: true if it holds for any of `values`; `exists` has `expected` instead.

    The last four operators compare with one value: numbers if that is a number, days if it is a day (`YYYY-MM-DD`).
    """

    dimension: str
    operator: Operator
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


class Tenure(NamedTuple):
    """A cost center, and the first and last charge day on which it takes the cost."""

    cost_center: str
    first: str = FIRST_DAY
    last: str = LAST_DAY


@dataclass(frozen=True, slots=True)
class Lookup:
    """Assignment by the value of a dimension, or by what the first group of `pattern` matches of it.

    The value is a cost center id itself, or `mapping` says whose it is; values in `dated` have other owners on other
    days, and none on a day outside all their tenures.
    """

    dimension: str
    mapping: Mapping[str, str] | None = None
    dated: Mapping[str, tuple[Tenure, ...]] = field(default_factory=dict)
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Divided:
    """Assignment of one charge to several owners: each target with its percentage, together exactly 100."""

    targets: tuple[tuple[Target, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One assignment rule. Without `when` it applies to every charge that its assignment can resolve."""

    id: str
    assign: Target | Lookup | Divided
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A whole rule set: rules in order of precedence, pools, and where the rest goes.

    Rules that follow each other may have one id: the alternatives of a rule that names several tags, or whose target
    changes on a day.
    `reciprocal` lists groups of pools that may feed each other in a circle and are solved as simultaneous equations.
    """

    name: str
    effective_from: str
    basis: Basis
    rules: tuple[Rule, ...]
    fallback: Target
    pools: tuple[Pool, ...] = ()
    reciprocal: tuple[tuple[str, ...], ...] = ()
