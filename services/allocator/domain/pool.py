"""What a pool is: shared cost, how it is split, and what happens when it can't be.

A *method* says who takes which share. Share methods (`Even`, `Weighted`, `FixedPercent`, `Proportional`, `ByDrivers`)
give weights that do not depend on how much the pool holds. Amount methods (`FixedAmount`, `UsageRate`) say amounts in
one currency, and name who takes the rest; `FloorPlusVariable` joins two methods; `AsCharged` looks at earlier months.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from services.allocator.domain.rule_set import SUSPENSE, Basis, Condition, Target, Tenure

Targets = tuple[Target, ...]
Weights = tuple[tuple[Target, Decimal], ...]

WhenZero = Literal["even", "fail"] | Target
"""Nothing to split by: evenly over the method's targets, everything to one target, or the run fails."""

WhenNegative = Literal["mirror", "fail"] | Target
"""A pool that holds a credit: split like a charge with the sign turned, everything to one target, or the run fails."""


@dataclass(frozen=True, slots=True)
class Even:
    """The same for everyone."""

    targets: Targets


@dataclass(frozen=True, slots=True)
class Weighted:
    """In proportion to weights that are written down."""

    weights: Weights


@dataclass(frozen=True, slots=True)
class FixedPercent:
    """Percentages that add up to 100, or to less if `residual` takes the rest."""

    percents: Weights
    residual: Target | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """What a proportional share is taken from: a cost center's direct cost, in the rule set's basis or in another.

    `received` adds what earlier pools gave to it, in the rule set's basis; `where` counts only charges that meet a
    condition. Received cost has the values of the charges that it came from, also after a pool that drops their detail.
    """

    received: bool = False
    where: Condition | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most percent of the pool that one target with any weight may take."""

    least: Decimal = Decimal(0)
    most: Decimal = Decimal(100)


@dataclass(frozen=True, slots=True)
class Proportional:
    """In proportion to each cost center's own cost."""

    targets: Targets
    base: Base = Base()
    bounds: Bounds | None = None


MissingDriver = Literal["suspense", "fail"]


@dataclass(frozen=True, slots=True)
class Driver:
    """A metric that shares are taken from.

    `aggregate` adds quantities up over the window, or takes their average over time (headcount, capacity). If there is
    nothing for the window: the newest values from up to `last_known_days` before it, then the metric `instead`, then
    `missing`.
    """

    metric: str
    weight: Decimal = Decimal(1)
    aggregate: Literal["sum", "average"] = "sum"
    last_known_days: int = 0
    instead: str | None = None
    missing: MissingDriver = "fail"


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who the subjects of a metric are: ids of the method's targets, or by `owners` from subject to target.

    `dated` has the subjects whose owner depends on the day: each owner takes what was measured in its days. A subject
    that is neither, or a day without an owner, is `unowned`: its share is put there, or left out of the split if that
    is None. A subject whose owner is not among the targets is left out.
    """

    owners: Mapping[str, Target] | None = None
    unowned: Target | None = SUSPENSE
    dated: Mapping[str, tuple[Tenure, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tier:
    """Quantities up to `up_to` (None: without end) cost `rate` for each unit in this tier."""

    up_to: Decimal | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class ByDrivers:
    """In proportion to measured quantities.

    Several drivers: `shares` adds up each driver's share times its weight, leaving out drivers that are zero for all;
    `quantities` adds up quantities times weights first (AWS split cost: 1 x GB + 9 x vCPU). `tiers` turns a subject's
    quantity into its graduated price before shares are taken.
    """

    targets: Targets
    drivers: tuple[Driver, ...]
    combine: Literal["shares", "quantities"] = "shares"
    subjects: Subjects = Subjects()
    tiers: tuple[Tier, ...] = ()
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True)
class FixedAmount:
    """Amounts of one currency, the rest by a second method; a pool of another currency is split by that alone.

    If the pool holds less than the amounts, it is split in proportion to them.
    """

    amounts: Weights
    currency: str
    rest: Method


@dataclass(frozen=True, slots=True)
class FloorPlusVariable:
    """A part of the pool by one method, as the price of being there, and the rest by another."""

    floor_percent: Decimal
    floor: Method
    variable: Method


@dataclass(frozen=True, slots=True)
class UsageRate:
    """Quantity times the internal rate, whatever the pool holds; the difference is a line of its own.

    `rates` are graduated as tiers, one tier being a flat rate. The difference, positive for under-recovery and negative
    for over-recovery, goes to `variance`. A pool of another currency goes to `variance` as a whole.
    """

    targets: Targets
    driver: Driver
    rates: tuple[Tier, ...]
    currency: str
    variance: Target
    subjects: Subjects = Subjects()


@dataclass(frozen=True, slots=True)
class AsCharged:
    """As the charges were allocated in the month that the charge period names: for refunds and other corrections.

    In proportion to what each cost center got, in that month's newest run, of charges of the same part of the
    partition that meet `where`. What lay in suspense goes to suspense, and so does the part of cost centers that are
    not among the targets. `otherwise` splits what has no earlier month, or nothing there to be split by.
    """

    targets: Targets
    where: Condition | None = None
    otherwise: Method | None = None


Method = (
    Even | Weighted | FixedPercent | Proportional | ByDrivers | FixedAmount | FloorPlusVariable | UsageRate | AsCharged
)


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one cost center may get of the pool, in one currency; what is above goes to `spill`."""

    amounts: Weights
    currency: str
    spill: Target


@dataclass(frozen=True, slots=True)
class Pool:
    """Shared cost and how it is split.

    The split is made for each currency by itself, and for each combination of values of `partition_by`, so that shares
    are taken inside each part. With `charge_day` among them a day's cost is split by that day's drivers and base; a
    pool split `AsCharged` has `charge_month` among them. `keep_detail` false replaces service and account of what
    leaves the pool by the pool itself.
    """

    id: str
    method: Method
    partition_by: tuple[str, ...] = ()
    when_zero: WhenZero = "fail"
    when_negative: WhenNegative = "mirror"
    cap: Cap | None = None
    keep_detail: bool = True
