"""Random rule graphs: every method and policy, nested, in chains and in groups, with the costs and drivers they are
tried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import strategies as st

from services.allocator.domain.buckets import GRAIN, Bucket, Buckets
from services.allocator.domain.charged import Charged, EarlierMonth, EarlierMonths
from services.allocator.domain.drivers import Drivers, Measurement, Window
from services.allocator.domain.pool import (
    AsCharged,
    Base,
    Bounds,
    ByDrivers,
    Cap,
    Driver,
    Even,
    FixedAmount,
    FixedPercent,
    FloorPlusVariable,
    Method,
    Pool,
    Proportional,
    Subjects,
    Targets,
    Tier,
    UsageRate,
    Weighted,
)
from services.allocator.domain.rule_set import SUSPENSE, All, Divided, Leaf, Lookup, Rule, RuleSet, Target, Tenure

PERIOD = "2026-01"
DIMENSIONS = (*GRAIN, "tag:team", "charge_day", "charge_month")
CENTERS = ("CC-1", "CC-2", "CC-3", "CC-4")
DAYS = ("2026-01-01", "2026-01-02", "2025-12-31")
MOVES = (Tenure("CC-1", "0001-01-01", "2026-01-01"), Tenure("CC-3", "2026-01-12", "2026-01-20"))
WRITTEN = ("even", "weighted", "percent", "drivers", "floor")
SHARES = (*WRITTEN, "proportional")
ALL = (*SHARES, "amounts", "rates")
OF_WHOLE_POOLS = frozenset({"amounts", "rates"})


@dataclass(frozen=True)
class World:
    """A rule set, and what it is about."""

    rules: RuleSet
    rows: tuple[Bucket, ...]
    drivers: Drivers
    earlier: EarlierMonths

    def month(self, rows: Sequence[Bucket] | None = None) -> Buckets:
        return Buckets(PERIOD, DIMENSIONS, self.rows if rows is None else rows)


def cc(name: str) -> Target:
    return Target("cost_center", name)


amounts = st.one_of(
    st.decimals(min_value=-(10**6), max_value=10**6, places=18),
    st.integers(-99, 99).map(lambda units: Decimal(units).scaleb(-18)),
    st.integers(-(10**2), 10**4).map(lambda cents: Decimal(cents).scaleb(-2)),
)
quantities = st.one_of(st.integers(0, 9).map(Decimal), st.decimals(min_value=0, max_value=10**4, places=6))
positive = st.one_of(st.integers(1, 9).map(Decimal), st.decimals(min_value=Decimal("0.001"), max_value=999, places=3))
MAYBE = (None, "a", "b")
SERVICES = ("s1", "s2")
centers = st.lists(st.sampled_from([cc(name) for name in CENTERS]), min_size=2, max_size=4, unique=True).map(tuple)


# Every combination, of which one is drawn: each draw takes longer than a bucket is worth.
_ATTRIBUTES = [
    (currency, "P", invoice, "P", service, "b1", account, category, None, center, day, day[:7])
    for currency, invoice, service, account, category, center, day in product(
        ("USD", "JPY"), MAYBE, SERVICES, MAYBE, ("Usage", "Usage", "Tax"), (None, *CENTERS, "typo"), DAYS
    )
]
buckets = st.builds(Bucket, st.sampled_from(_ATTRIBUTES), amounts, amounts, st.just(1))


@st.composite
def measurements(draw: st.DrawFn) -> Drivers:
    month = Window.of_month(PERIOD)
    windows = [month, month, month, Window.of_month("2025-12"), *(Window.of_day(day) for day in DAYS)]
    one = st.tuples(
        st.sampled_from(["cpu", "gb"]),
        st.builds(Measurement, st.sampled_from([*CENTERS, "stray"]), quantities, st.sampled_from(windows)),
    )
    return Drivers.of(draw(st.lists(one, min_size=3, max_size=12)))


_CHARGED = [
    ((currency, "P", None, "P", service, "b1", account, "Usage", None), center)
    for currency, account, service, center in product(("USD", "JPY"), MAYBE, SERVICES, (*CENTERS, "SUSPENSE", "gone"))
]
charged = st.builds(
    lambda about, billed, effective: Charged(about[0], about[1], billed, effective),
    st.sampled_from(_CHARGED), amounts, amounts,
)  # fmt: skip


@st.composite
def earlier_months(draw: st.DrawFn) -> EarlierMonths:
    """December, perhaps: lines of cost centers, of suspense and of a cost center that is no more."""
    lines = draw(st.lists(charged, max_size=12))
    return EarlierMonths({"2025-12": EarlierMonth("r", lines)} if lines else {})


@dataclass(frozen=True)
class Graphs:
    """Draws pools.

    Args:
        kinds: methods to choose from.
        down: pools that may be fed.
        whole: whether amounts and caps have a meaning: not in partitions.
        mirror: whether every credit is split like a charge.
    """

    kinds: tuple[str, ...]
    down: tuple[Target, ...]
    whole: bool
    mirror: bool

    def targets(self, draw: st.DrawFn) -> Targets:
        found: Targets = draw(centers)
        more: bool = bool(self.down) and draw(st.booleans())
        return (*found, draw(st.sampled_from(self.down))) if more else found

    def weights(self, draw: st.DrawFn) -> tuple[tuple[Target, Decimal], ...]:
        return tuple((target, draw(positive)) for target in self.targets(draw))

    def place(self, draw: st.DrawFn) -> Target:
        return draw(st.sampled_from([SUSPENSE, cc("CC-4"), *self.down]))

    def driver(self, draw: st.DrawFn, metric: str) -> Driver:
        aggregate: Any = draw(st.sampled_from(["sum", "average"]))
        days, instead = draw(st.sampled_from([0, 40])), draw(st.sampled_from([None, "gb"]))
        return Driver(metric, draw(positive), aggregate, days, instead, "suspense")

    def subjects(self, draw: st.DrawFn) -> Subjects:
        owners = {name: cc(name) for name in CENTERS} | draw(st.sampled_from([{}, {"stray": cc("CC-1")}]))
        dated = draw(st.sampled_from([{}, {"stray": MOVES}, {"CC-2": MOVES}]))
        return Subjects(owners, draw(st.sampled_from([None, SUSPENSE])), dated)

    def tiers(self, draw: st.DrawFn) -> tuple[Tier, ...]:
        return (Tier(draw(positive), draw(positive)), Tier(None, draw(positive)))

    def method(self, draw: st.DrawFn, depth: int = 2) -> Method:
        kinds = [
            kind for kind in self.kinds if (depth or kind != "floor") and (self.whole or kind not in OF_WHOLE_POOLS)
        ]
        kinds += [kind for kind in kinds if kind in OF_WHOLE_POOLS]
        kind = draw(st.sampled_from(kinds))
        match kind:
            case "even":
                return Even(self.targets(draw))
            case "weighted":
                return Weighted(self.weights(draw))
            case "percent":
                targets = self.targets(draw)
                percents = [draw(st.integers(1, 25).map(Decimal)) for _ in targets[:3]]
                return FixedPercent(tuple(zip(targets, percents, strict=False)), self.place(draw))
            case "proportional":
                where = draw(st.sampled_from([None, Leaf("ServiceName", "in", ("s1",))]))
                received = "amounts" in self.kinds and draw(st.booleans())
                basis: Any = None if received else draw(st.sampled_from([None, "BilledCost", "EffectiveCost"]))
                return Proportional(draw(centers), Base(received, where, basis), self.bounds(draw))
            case "drivers":
                drivers = tuple(
                    self.driver(draw, metric) for metric in draw(st.sampled_from([("cpu",), ("cpu", "gb")]))
                )
                combine: Any = draw(st.sampled_from(["shares", "quantities"]))
                tiers = draw(st.booleans()) and self.tiers(draw)
                subjects = self.subjects(draw)
                bounds = None if subjects.unowned else self.bounds(draw)
                return ByDrivers(draw(centers), drivers, combine, subjects, tiers or (), bounds)
            case "floor":
                percent = draw(st.integers(1, 99).map(Decimal))
                return FloorPlusVariable(percent, self.method(draw, depth - 1), self.method(draw, depth - 1))
            case "amounts":
                rest = self.method(draw, depth - 1) if depth else Even(self.targets(draw))
                return FixedAmount(self.weights(draw), "USD", rest)
        return UsageRate(
            draw(centers), self.driver(draw, "cpu"), self.tiers(draw), "USD", self.place(draw), self.subjects(draw)
        )

    def bounds(self, draw: st.DrawFn) -> Bounds | None:
        """Bounds that any number of targets can meet."""
        return draw(st.sampled_from([None, None, Bounds(Decimal("12.5"))]))

    def refunds(self, draw: st.DrawFn, name: str) -> Pool:
        """A pool that is split as earlier charges were."""
        parts = Graphs(tuple(kind for kind in self.kinds if kind in SHARES), self.down, whole=False, mirror=self.mirror)
        where = draw(st.sampled_from([None, Leaf("ServiceName", "in", ("s1",))]))
        otherwise = draw(st.booleans()) and parts.method(draw)
        targets = tuple(cc(center) for center in CENTERS)
        partition = ("charge_month", *draw(st.sampled_from([("SubAccountId",), ("ServiceName",)])))
        return Pool(name, AsCharged(targets, where, otherwise or None), partition, self.place(draw))

    def pool(self, draw: st.DrawFn, name: str, partition: tuple[str, ...]) -> Pool:
        when_zero: Any = draw(st.sampled_from(["even", self.place(draw)]))
        when_negative: Any = "mirror" if self.mirror else draw(st.sampled_from(["mirror", self.place(draw)]))
        cap = None
        if self.whole and "amounts" in self.kinds and draw(st.booleans()):
            cap = Cap(((cc("CC-1"), draw(positive)), (cc("CC-2"), draw(positive))), "USD", self.place(draw))
        return Pool(name, self.method(draw), partition, when_zero, when_negative, cap, draw(st.booleans()))


@st.composite
def worlds(draw: st.DrawFn, kinds: tuple[str, ...] = ALL, *, mirror: bool = False) -> World:
    """Chains p0 -> p1 -> p2, of which p1 and p2 may be a reciprocal group, some of it split by parts or days."""
    partitions = st.sampled_from([(), (), (), ("InvoiceId",), ("charge_day", "SubAccountId")])
    reciprocal = draw(st.sampled_from([False, False, True]))
    first, second, third = draw(partitions), draw(partitions), draw(partitions)
    if reciprocal:
        second = third
        below = (member(draw, "p1", "p2", third), member(draw, "p2", "p1", third))
    else:
        below = (
            Graphs(kinds, (Target("pool", "p2"),), not second, mirror).pool(draw, "p1", second),
            Graphs(kinds, (), not third, mirror).pool(draw, "p2", third),
        )
    fed = (Target("pool", "p1"), Target("pool", "p2"))
    graphs = Graphs(kinds, fed, not first, mirror)
    top = graphs.refunds(draw, "p0") if draw(st.booleans()) else graphs.pool(draw, "p0", first)
    anywhere = st.sampled_from([cc("CC-2"), SUSPENSE, Target("pool", "p0"), *fed])
    several = Divided(
        ((cc("CC-1"), Decimal("66.6")), (draw(st.sampled_from([SUSPENSE, cc("CC-3"), *fed])), Decimal("33.4")))
    )
    moves = {"CC-4": (Tenure("CC-4", last=DAYS[0]), Tenure("CC-3", DAYS[1]))}
    rules = (
        Rule("tax", Target("pool", "p0"), Leaf("ChargeCategory", "in", ("Tax",))),
        Rule("several", several, All((Leaf("InvoiceId", "in", ("b",)), Leaf("ServiceName", "in", ("s2",))))),
        Rule("account", draw(anywhere), Leaf("SubAccountId", "in", ("a",))),
        Rule("team", Lookup("tag:team", dated=draw(st.sampled_from([{}, moves])))),
    )
    basis: Any = draw(st.sampled_from(["BilledCost", "EffectiveCost"]))
    groups = (("p1", "p2"),) if reciprocal else ()
    rule_set = RuleSet("r", PERIOD, basis, rules, draw(anywhere), (top, *below), groups)
    costs = tuple(draw(st.lists(buckets, min_size=4, max_size=12)))
    return World(rule_set, costs, draw(measurements()), draw(earlier_months()))


def member(draw: st.DrawFn, name: str, other: str, partition: tuple[str, ...]) -> Pool:
    """A pool of a reciprocal group, with a way out."""
    targets = (cc("CC-1"), cc("CC-3"), Target("pool", other))
    return Pool(name, Weighted(tuple((target, draw(positive)) for target in targets)), partition)
