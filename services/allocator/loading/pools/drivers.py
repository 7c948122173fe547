"""Drivers of a pool: metrics, their subjects, and graduated rates."""

from __future__ import annotations

from collections.abc import Mapping as Items
from decimal import Decimal
from itertools import pairwise
from typing import Final, Literal, get_args

from services.allocator.domain.pool import Driver, MissingDriver, Subjects, Tier
from services.allocator.domain.rule_set import SUSPENSE, Target, Tenure
from services.allocator.loading.numbers import decimal_of
from services.allocator.loading.pools.words import read_positive, read_word
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Node, Reader, Text

DAYS_MAX: Final = 3_660
_ONE: Final = "write driver: vcpu-hours, or drivers: [{metric: vcpu-hours, weight: 9}, {metric: gb-hours}]"
_MISSING: Final = "write missing: {last_known_days: 35, instead: cpu-hours, then: suspense}"
_SUBJECTS: Final = "write subjects: {mapping: namespaces, unowned: suspense}"
_THEN: Final[tuple[MissingDriver, ...]] = get_args(MissingDriver)
_AGGREGATES: Final[tuple[Literal["sum", "average"], ...]] = ("sum", "average")


def read_drivers(reader: Reader) -> tuple[Driver, ...]:
    """One `driver` or several `drivers`; none, with the reason among the problems, if that can't be."""
    given = [key for key in ("driver", "drivers") if key in reader.node.items]
    if len(given) != 1:
        reader.problems.add(reader.node.line, f"it has {' and '.join(given) or 'no driver'}", _ONE)
        return ()
    if given == ["driver"]:
        driver = read_driver(reader)
        return (driver,) if driver else ()
    found = [_driver(one, "weight") for one in reader.mappings("drivers", _ONE)]
    if not found:
        reader.problems.add(reader.line("drivers"), "drivers lists nothing", _ONE)
    metrics = [one.metric for one in found if one]
    for metric in sorted({one for one in metrics if metrics.count(one) > 1}):
        reader.problems.add(reader.line("drivers"), f"metric {metric} is listed twice", "add up their weights")
    return tuple(one for one in found if one)


def read_driver(reader: Reader) -> Driver | None:
    """The one `driver`: the name of a metric, or a mapping that says more."""
    node = reader.node.items.get("driver")
    if isinstance(node, Text) and node.text:
        return Driver(node.text)
    if isinstance(node, Mapping):
        return _driver(Reader(node, reader.problems))
    reader.problems.add(reader.line("driver"), "driver names no metric", _ONE)
    return None


def read_subjects(reader: Reader, known: Known) -> Subjects:
    """Who owns the subjects of the metrics."""
    subjects = reader.mapping("subjects", _SUBJECTS)
    if subjects is None:
        return Subjects(known.owners)
    subjects.allow("mapping", "unowned")
    name = subjects.text("mapping", "name one of the mappings", "") or None
    owners: Items[str, Target] = known.owners
    dated: Items[str, tuple[Tenure, ...]] = {}
    if name is not None and name in known.mappings:
        owners, dated = known.owners_by(name)
    elif name is not None:
        advice = reader.problems.suggestion(name, known.mappings, "declare it under mappings")
        reader.problems.add(subjects.line("mapping"), f"unknown mapping {name!r}", advice)
    unowned = subjects.text("unowned", "write unowned: suspense, ignore, CC-900 or pool:x", "suspense") or ""
    if unowned == "ignore":
        return Subjects(owners, None, dated)
    place = known.place(unowned, subjects.line("unowned"), reader.problems)
    return Subjects(owners, place or SUSPENSE, dated)


def read_tiers(reader: Reader, key: str) -> tuple[Tier, ...]:
    """Graduated rates: each up to a quantity, the last without end."""
    advice = f"write {key}: [{{up_to: 100, rate: 1}}, {{rate: 0.5}}]"
    tiers: list[Tier] = []
    for one in reader.mappings(key, advice):
        one.allow("up_to", "rate")
        up_to = read_positive(one, "up_to", advice) if "up_to" in one.node.items else None
        tiers.append(Tier(up_to, read_rate(one, "rate", advice)))
    problems, line = reader.problems, reader.line(key)
    if not tiers:
        problems.add(line, f"{key} lists nothing", advice)
    elif tiers[-1].up_to is not None or any(tier.up_to is None for tier in tiers[:-1]):
        problems.add(line, f"{key} have an up_to each, but the last one has none", advice)
    elif any((a.up_to or 0) >= (b.up_to or 0) for a, b in pairwise(tiers[:-1])):
        problems.add(line, f"the up_to of {key} do not rise", advice)
    elif not any(tier.rate for tier in tiers):
        problems.add(line, f"all {key} are zero", advice)
    return tuple(tiers)


def read_rate(reader: Reader, key: str, advice: str) -> Decimal:
    """A rate for one unit, from 0 on."""
    node: Node | None = reader.node.items.get(key)
    if node is None:
        reader.problems.add(reader.node.line, f"{key} is missing", advice)
        return Decimal(0)
    return decimal_of(node, reader.problems, key) or Decimal(0)


def _driver(reader: Reader, *more: str) -> Driver | None:
    reader.allow("metric", "aggregate", "missing", *more)
    metric = reader.text("metric", _ONE)
    weight = Decimal(1)
    if "weight" in reader.node.items and more:
        weight = read_positive(reader, "weight", "write it like weight: 9")
    aggregate = read_word(reader, "aggregate", _AGGREGATES, "sum")
    missing = reader.mapping("missing", _MISSING)
    if missing is None:
        return Driver(metric, weight, aggregate) if metric else None
    missing.allow("last_known_days", "instead", "then")
    days = 0
    if "last_known_days" in missing.node.items:
        days = _days(missing)
    instead = missing.text("instead", _MISSING, "") or None
    if instead is not None and instead == metric:
        reader.problems.add(missing.line("instead"), f"{metric} can't stand in for itself", "name another metric")
    then = read_word(missing, "then", _THEN, "fail")
    return Driver(metric, weight, aggregate, days, instead, then) if metric else None


def _days(reader: Reader) -> int:
    text = reader.text("last_known_days", _MISSING) or ""
    if text.isascii() and text.isdigit() and 0 < int(text[:9]) <= DAYS_MAX:
        return int(text)
    message = f"last_known_days is {text!r}, not a number of days from 1 to {DAYS_MAX}"
    reader.problems.add(reader.line("last_known_days"), message, _MISSING)
    return 0
