"""Methods: what each one is made of, and which keys have a meaning for it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal, get_args

from services.allocator.domain.buckets import GRAIN
from services.allocator.domain.conditions import dimensions_of
from services.allocator.domain.pool import (
    AsCharged,
    Base,
    Bounds,
    ByDrivers,
    Even,
    FixedAmount,
    FixedPercent,
    FloorPlusVariable,
    Method,
    Proportional,
    Targets,
    Tier,
    UsageRate,
    Weighted,
    Weights,
)
from services.allocator.domain.rule_set import SUSPENSE, Basis, Target
from services.allocator.loading.conditions import read_condition
from services.allocator.loading.numbers import decimal_of
from services.allocator.loading.pools.drivers import read_driver, read_drivers, read_rate, read_subjects, read_tiers
from services.allocator.loading.pools.targets import read_targets, read_weights, refuse_pools, total_of
from services.allocator.loading.pools.words import read_currency, read_word, suggestion
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Reader

_HUNDRED: Final = Decimal(100)
_WEIGHTED: Final = "write targets: {CC-100: 3, CC-200: 1}"
_AMOUNTS: Final = "write amounts: {CC-100: 500, CC-200: 300}"
_REST: Final = "write rest: {method: even, targets: all}"
_FLOOR: Final = "write floor: {percent: 20, method: even, targets: all}"
_VARIABLE: Final = "write variable: {method: driver, driver: vcpu-hours, targets: all}"
_BASE: Final = (
    "write base: direct, base: direct_and_received, or base: {where: {column: ServiceName, equals: Amazon EKS}}, "
    "also with basis: EffectiveCost or cost: direct_and_received"
)
_RATE: Final = "write rate: 0.12, or rates: [{up_to: 100, rate: 0.12}, {rate: 0.1}]"
_CHARGES: Final = "write where: {column: ChargeCategory, equals: Usage}"
_OTHERWISE: Final = "write otherwise: {method: proportional, targets: all}"
_COMBINE: Final[tuple[Literal["shares", "quantities"], ...]] = ("shares", "quantities")
_BASES: Final[tuple[Basis, ...]] = get_args(Basis)
_CHOSEN: Final = ("targets", "exclude")
_COSTS: Final[tuple[Literal["direct", "direct_and_received"], ...]] = ("direct", "direct_and_received")
_BOUNDED: Final = ("min_percent", "max_percent")


def read_method(reader: Reader, known: Known, *others: str) -> Method | None:
    """The method that a mapping says; None, with the reason among the problems, if that can't be told.

    Args:
        others: keys of the mapping that are not the method's.
    """
    problems = reader.problems
    name = reader.text("method", f"choose {', '.join(METHODS)}")
    if name not in METHODS:
        if name:
            problems.add(reader.line("method"), f"unknown method {name!r}", suggestion(name, list(METHODS)))
        return None
    read, keys = METHODS[name]
    for key in reader.node.items.keys() - {"method", *keys, *others}:
        somewhere = key in _KEYS or key in {"when_zero", "when_negative", "partition_by", "cap", "detail"}
        message = f"{key} has no meaning for {name}" if somewhere else f"unknown key {key!r}"
        problems.add(reader.line(key), message, f"remove it; {name} has {', '.join((*keys, *others))}")
    return read(reader, known)


def _even(reader: Reader, known: Known) -> Method:
    return Even(read_targets(reader, known))


def _weighted(reader: Reader, known: Known) -> Method:
    return Weighted(read_weights(reader, "targets", known, "weight", _WEIGHTED))


def _fixed_percent(reader: Reader, known: Known) -> Method:
    percents = read_weights(reader, "targets", known, "percentage", _WEIGHTED)
    problems, line, whole = reader.problems, reader.line("targets"), total_of(percents)
    if "residual" not in reader.node.items:
        if whole != _HUNDRED and _all_read(percents, reader):
            advice = "correct them, or name who takes the rest: residual: CC-900; nothing is rounded"
            problems.add(line, f"the percentages add up to {whole}, not 100", advice)
        return FixedPercent(percents)
    name = reader.text("residual", "name who takes the rest: residual: CC-900") or "suspense"
    if whole >= _HUNDRED:
        problems.add(line, f"the percentages add up to {whole}, which leaves no residual", "lower them or remove it")
    return FixedPercent(percents, known.place(name, reader.line("residual"), problems))


def _all_read(percents: Weights, reader: Reader) -> bool:
    """Whether the percentages are all there, so that what they add up to can be judged."""
    node = reader.node.items.get("targets")
    return isinstance(node, Mapping) and len(percents) == len(node.items)


def _proportional(reader: Reader, known: Known) -> Method:
    targets = read_targets(reader, known)
    refuse_pools(targets, reader)
    return Proportional(targets, _base(reader, known), _bounds(reader, targets))


def _base(reader: Reader, known: Known) -> Base:
    node = reader.node.items.get("base")
    if not isinstance(node, Mapping):
        word = read_word(reader, "base", _COSTS, _COSTS[0])
        return Base(received=word == "direct_and_received")
    base = Reader(node, reader.problems)
    base.allow("cost", "where", "basis")
    if not node.items:
        reader.problems.add(node.line, "base has neither cost nor where nor basis", _BASE)
    where = base.mapping("where", _BASE)
    received = read_word(base, "cost", _COSTS, _COSTS[0]) == "direct_and_received"
    basis = read_word(base, "basis", _BASES, _BASES[0]) if "basis" in node.items else None
    if received and basis:
        reader.problems.add(base.line("basis"), "received cost is known in the rule set's basis only", "remove basis")
    return Base(received, read_condition(where, known.attributes) if where else None, basis)


def _driver(reader: Reader, known: Known) -> Method | None:
    targets, drivers, problems = read_targets(reader, known), read_drivers(reader), reader.problems
    combine = read_word(reader, "combine", _COMBINE, "shares")
    if "combine" in reader.node.items and len(drivers) == 1:
        problems.add(reader.line("combine"), "combine has no meaning for one driver", "remove it")
    tiers: tuple[Tier, ...] = ()
    if "tiers" in reader.node.items:
        tiers = read_tiers(reader, "tiers")
        if len(drivers) > 1 and combine == "shares":
            message = "tiers of several drivers whose shares are added up"
            problems.add(reader.line("tiers"), message, "add combine: quantities, or use one driver")
    subjects = read_subjects(reader, known)
    bounds = _bounds(reader, targets)
    return ByDrivers(targets, drivers, combine, subjects, tiers, bounds) if drivers else None


def _bounds(reader: Reader, targets: Targets) -> Bounds | None:
    if not any(key in reader.node.items for key in _BOUNDED):
        return None
    bounds = Bounds(_percent(reader, "min_percent", Decimal(0)), _percent(reader, "max_percent", _HUNDRED))
    count, problems = len(targets), reader.problems
    if bounds.least > bounds.most:
        problems.add(reader.line("min_percent"), "min_percent is above max_percent", "exchange them")
    elif bounds.least * count > _HUNDRED:
        message = f"{count} targets with at least {bounds.least} percent each are more than 100"
        problems.add(reader.line("min_percent"), message, "lower min_percent")
    elif count and bounds.most * count < _HUNDRED:
        message = f"{count} targets with at most {bounds.most} percent each are less than 100"
        problems.add(reader.line("max_percent"), message, "raise max_percent")
    return bounds


def _percent(reader: Reader, key: str, default: Decimal) -> Decimal:
    node = reader.node.items.get(key)
    number = decimal_of(node, reader.problems, key) if node is not None else default
    if number is not None and number > _HUNDRED:
        reader.problems.add(reader.line(key), f"{key} is above 100", "write a percentage")
    return default if number is None else number


def _fixed_amount(reader: Reader, known: Known) -> Method | None:
    amounts = read_weights(reader, "amounts", known, "amount", _AMOUNTS)
    currency, rest = read_currency(reader), _inner(reader, "rest", known, _REST)
    return FixedAmount(amounts, currency, rest) if rest else None


def _floor_plus_variable(reader: Reader, known: Known) -> Method | None:
    floor = _inner(reader, "floor", known, _FLOOR, "percent")
    variable = _inner(reader, "variable", known, _VARIABLE)
    inside = reader.mapping("floor", _FLOOR)
    percent = _percent(inside, "percent", Decimal(0)) if inside else Decimal(0)
    if inside and not 0 < percent < _HUNDRED:
        reader.problems.add(inside.line("percent"), "the floor's percent is not between 0 and 100", _FLOOR)
    return FloorPlusVariable(percent, floor, variable) if floor and variable else None


def _inner(reader: Reader, key: str, known: Known, advice: str, *others: str) -> Method | None:
    inside = reader.mapping(key, advice)
    if inside is None and key not in reader.node.items:
        reader.problems.add(reader.node.line, f"{key} is missing", advice)
    return read_method(inside, known, *others) if inside else None


def _usage_rate(reader: Reader, known: Known) -> Method | None:
    targets, driver, problems = read_targets(reader, known), read_driver(reader), reader.problems
    given = [key for key in ("rate", "rates") if key in reader.node.items]
    rates: tuple[Tier, ...] = ()
    if len(given) != 1:
        problems.add(reader.node.line, f"it has {' and '.join(given) or 'no rate'}", _RATE)
    elif given == ["rates"]:
        rates = read_tiers(reader, "rates")
    else:
        rates = (Tier(None, read_rate(reader, "rate", _RATE)),)
        if not rates[0].rate:
            problems.add(reader.line("rate"), "the rate is zero", _RATE)
    currency = read_currency(reader)
    name = reader.text("variance", "name who takes the difference: variance: CC-900")
    variance = known.place(name, reader.line("variance"), problems) if name else None
    subjects = read_subjects(reader, known)
    return UsageRate(targets, driver, rates, currency, variance or SUSPENSE, subjects) if driver else None


def _as_charged(reader: Reader, known: Known) -> Method:
    """The targets are all cost centers, ended ones too: a refund goes to whoever paid."""
    where = reader.mapping("where", _CHARGES)
    condition = read_condition(where, known.attributes) if where else None
    for name in sorted(set(dimensions_of(condition)) - set(GRAIN)):
        message = f"{name.removeprefix('tag:')} is not known of the charges of earlier months, only what lines say"
        reader.problems.add(reader.line("where"), message, f"use {', '.join(GRAIN[1:])}")
    otherwise = _inner(reader, "otherwise", known, _OTHERWISE) if "otherwise" in reader.node.items else None
    targets = tuple(Target("cost_center", name) for name in sorted(known.cost_centers))
    return AsCharged(targets, condition, otherwise)


METHODS: Final[dict[str, tuple[Callable[[Reader, Known], Method | None], tuple[str, ...]]]] = {
    "even": (_even, _CHOSEN),
    "fixed_percent": (_fixed_percent, ("targets", "residual")),
    "weighted": (_weighted, ("targets",)),
    "proportional": (_proportional, (*_CHOSEN, "base", *_BOUNDED)),
    "driver": (_driver, (*_CHOSEN, "driver", "drivers", "combine", "subjects", "tiers", *_BOUNDED)),
    "fixed_amount": (_fixed_amount, ("amounts", "currency", "rest")),
    "floor_plus_variable": (_floor_plus_variable, ("floor", "variable")),
    "usage_rate": (_usage_rate, (*_CHOSEN, "driver", "rate", "rates", "currency", "variance", "subjects")),
    "as_charged": (_as_charged, ("where", "otherwise")),
}
"""How each method is read, and the keys that have a meaning for it."""

_KEYS: Final = frozenset(key for _, keys in METHODS.values() for key in keys)
