"""What a line does not say itself: where its rule and pools are written, and what was measured of their drivers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from services.allocator.domain.drivers import Drivers, Window
from services.allocator.domain.methods.measured import look_up
from services.allocator.domain.methods.tenures import owners_by_day
from services.allocator.domain.metrics_used import drivers_of
from services.allocator.domain.pool import Driver, Pool, Subjects
from services.allocator.domain.rule_set import CHARGE_MONTH, Target
from services.allocator.loading import LoadedRuleSet
from shared.money import from_units, text

_SUBJECTS: Final = 20
_UNITS: Final = 10**18


class Seen(NamedTuple):
    """What a run looked at besides cost: driver measurements, and the runs of earlier months, by month."""

    drivers: Drivers
    earlier_runs: Mapping[str, str]


def with_context(document: Mapping[str, Any], loaded: LoadedRuleSet, seen: Seen) -> dict[str, Any]:
    """An explanation with `file` and `line` of its rule and of each pool, and with the values of each pool's drivers.

    A refund's step has `split_as`: the earlier month and the run of it that said how.

    A pool that is split by day shows the sums of the month.
    """
    rule, period = document["rule"], document["line"]["billing_period"]
    steps = _steps(document["steps"], period, loaded, seen)
    return {**document, "rule": rule | _place(loaded, rule["id"]), "steps": steps}


def with_contexts(document: Mapping[str, Any], loaded: LoadedRuleSet, before: Seen, after: Seen) -> dict[str, Any]:
    """The same of an adjusting line's explanation, with what was seen before the adjustment and for it."""
    rule, period = document["rule"], document["line"]["billing_period"]
    sides = {
        name: document[name] | {"steps": _steps(document[name]["steps"], period, loaded, seen)}
        for name, seen in (("before", before), ("after", after))
    }
    return {**document, "rule": rule | _place(loaded, rule["id"]), **sides}


def _steps(
    steps: Iterable[dict[str, Any]], billing_period: str, loaded: LoadedRuleSet, seen: Seen
) -> list[dict[str, Any]]:
    pools = {pool.id: pool for pool in loaded.rule_set.pools}
    window = Window.of_month(billing_period)
    return [
        step
        | _place(loaded, f"pool:{step['pool']}")
        | {"drivers": _values(pools[step["pool"]], step["to"], seen.drivers, window)}
        | _split_as(step, seen.earlier_runs)
        for step in steps
    ]


def _split_as(step: Mapping[str, Any], earlier_runs: Mapping[str, str]) -> dict[str, Any]:
    month = step["partition"].get(CHARGE_MONTH)
    if step["method"] != "as_charged" or month not in earlier_runs:
        return {}
    return {"split_as": {"billing_period": month, "run_id": earlier_runs[month]}}


def _place(loaded: LoadedRuleSet, name: str) -> dict[str, Any]:
    place = loaded.places.get(name)
    return {"file": place.file, "line": place.line} if place else {}


def _values(pool: Pool, to: str, drivers: Drivers, window: Window) -> list[dict[str, Any]]:
    target = Target("pool", to.removeprefix("pool:")) if to.startswith("pool:") else Target("cost_center", to)
    return [_value(driver, subjects, target, drivers, window) for driver, subjects in drivers_of(pool.method)]


def _value(driver: Driver, subjects: Subjects, taker: Target, drivers: Drivers, window: Window) -> dict[str, Any]:
    """What the taker used of a driver and what everybody did; quantities are rounded to 18 digits."""
    found = look_up(driver, drivers, window)
    if found is None:
        return {"metric": driver.metric, "weight": text(driver.weight), "measured": None}
    owners = subjects.owners if subjects.owners is not None else {}
    mine = {
        name: quantity
        for name, quantity in found.quantities.items()
        if name not in subjects.dated and owners.get(name, Target("cost_center", name)) == taker
    }
    for name, tenures in subjects.dated.items():
        for owner, part in owners_by_day(name, tenures, [found], drivers, window):
            if owner == taker.id and name in found.quantities:
                mine[name] = mine.get(name, Fraction(0)) + found.quantities[name] * part
    largest = sorted(mine.items(), key=lambda one: (-one[1], one[0]))[:_SUBJECTS]
    return {
        "metric": driver.metric, "weight": text(driver.weight),
        "measured": {
            "metric": found.metric, "window": str(found.window), "aggregate": driver.aggregate,
            "quantity": _text(sum(mine.values(), Fraction(0))),
            "quantity_total": _text(sum(found.quantities.values(), Fraction(0))),
            "subjects": [{"subject": name, "quantity": _text(quantity)} for name, quantity in largest],
        },
    }  # fmt: skip


def _text(quantity: Fraction) -> str:
    return text(from_units(round(quantity * _UNITS)))
