"""What a command looks at costs by, rule set and drivers: files, or those that a month's newest run had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.allocator.commands.drivers import measurements, read_csv
from services.allocator.commands.earlier import earlier_at, earlier_of_run
from services.allocator.domain.drivers import Drivers, Window
from services.allocator.domain.metrics_used import metrics_used
from services.allocator.loading import Bundle, LoadedRuleSet, RuleSetInvalid, load, load_bundle
from services.allocator.measurements import REQUIRED, drivers_of, read_measurement
from services.allocator.simulating.simulate import Side
from shared.documents import DocumentInvalid
from shared.events import DriverMeasurement
from shared.terminal import BAD_USAGE, BLOCKED, ServiceCommands, fail

_ALLOCATOR = ServiceCommands("allocator")


def bundle_at(path: Path) -> Bundle:
    """The rule set in a file, or in a directory as `rules.yaml`; ends the command if it can't be read."""
    try:
        return load_bundle(path)
    except RuleSetInvalid as error:
        fail(f"{path} can't be used:\n{error}", BAD_USAGE)


def valid_bundle_at(path: Path) -> Bundle:
    """The same; ends the command too if the rule set is not valid."""
    bundle = bundle_at(path)
    rule_set_of(bundle)
    return bundle


def rule_set_of(bundle: Bundle) -> LoadedRuleSet:
    """A bundle's rule set; ends the command if it is not valid."""
    try:
        return load(bundle)
    except RuleSetInvalid as error:
        fail(f"{bundle.document_name} can't be used:\n{error}", BAD_USAGE)


def applied(version: str) -> LoadedRuleSet:
    """A rule set that was applied."""
    kept = _ALLOCATOR.get(f"/v1/rule-sets/{version}")
    return rule_set_of(Bundle(kept["document"], kept["files"], kept["document_name"]))


def side_of(period: str, rules: Path | None = None, drivers: Path | None = None, earlier: Sequence[Path] = ()) -> Side:
    """Rule set, drivers and earlier months of files; what is not given is that of a month's newest run."""
    if rules is not None:
        return Side(rule_set_of(bundle_at(rules)), measured(drivers), earlier_at(earlier))
    run = _newest_run(period)
    rule_set = applied(run["rule_set_version"])
    quantities = measured(drivers) if drivers else _drivers_of_run(rule_set, period, run)
    return Side(rule_set, quantities, earlier_at(earlier) if earlier else earlier_of_run(run))


def measured(file: Path | None) -> Drivers:
    """The measurements of a CSV file, none without one; ends the command if it can't be read."""
    return drivers_of(read_measurement(row).measurement for row in (measurements_at(file) if file else ()))


def measurements_at(file: Path) -> list[dict[str, Any]]:
    """The measurements of a CSV file, ready to send; ends the command if it can't be read."""
    try:
        return read_csv(file)
    except DocumentInvalid as error:
        fail(f"{file} can't be used:\n{error}", BAD_USAGE)


def _newest_run(period: str) -> dict[str, Any]:
    runs = _ALLOCATOR.get("/v1/runs", period=period, limit="1")["runs"]
    if not runs:
        fail(f"there is no allocation run of {period} yet: name a rule set (--rules)", BLOCKED)
    run: dict[str, Any] = runs[0]
    return run


def _drivers_of_run(rule_set: LoadedRuleSet, period: str, run: dict[str, Any]) -> Drivers:
    """The measurements that a run may have looked at, in the revisions that it saw."""
    found: dict[str, DriverMeasurement] = {}
    for metric, days in metrics_used(rule_set.rule_set).items():
        earliest = Window.of_month(period).start - timedelta(days=days)
        for month in _months(f"{earliest:%Y-%m}", period):
            for row in measurements(metric, month, run.get("drivers_ordinal")):
                measurement = {name: row[name] for name in (*REQUIRED, "source")}
                found[row["measurement_id"]] = read_measurement(measurement).measurement
    return drivers_of(found.values())


def _months(first: str, last: str) -> Iterator[str]:
    while first <= last:
        yield first
        first = f"{Window.of_month(first).end:%Y-%m}"
