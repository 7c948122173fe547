"""Which rule set a command looks at costs by: a file, or the one that a month's newest run had."""

from __future__ import annotations

from pathlib import Path

from services.allocator.loading import Bundle, LoadedRuleSet, RuleSetInvalid, load, load_bundle
from services.allocator.simulating.simulate import Side
from shared.terminal import BAD_USAGE, BLOCKED, ServiceCommands, fail

_ALLOCATOR = ServiceCommands("allocator")


def bundle_at(path: Path) -> Bundle:
    """The rule set in a file, or in a directory as `rules.yaml`; ends the command if it can't be read."""
    try:
        return load_bundle(path / "rules.yaml" if path.is_dir() else path)
    except RuleSetInvalid as error:
        fail(f"{path} can't be used:\n{error}", BAD_USAGE)


def loaded(bundle: Bundle) -> LoadedRuleSet:
    """A bundle's rule set; ends the command if it is not valid."""
    try:
        return load(bundle)
    except RuleSetInvalid as error:
        fail(f"{bundle.document_name} can't be used:\n{error}", BAD_USAGE)


def applied(version: str) -> LoadedRuleSet:
    """A rule set that was applied."""
    kept = _ALLOCATOR.get(f"/v1/rule-sets/{version}")
    return loaded(Bundle(kept["document"], kept["files"], kept["document_name"]))


def rule_set_of(period: str, rules: Path | None = None) -> LoadedRuleSet:
    """The rule set of a file, or of a month's newest run; ends the command if there is neither."""
    if rules is not None:
        return loaded(bundle_at(rules))
    runs = _ALLOCATOR.get("/v1/runs", period=period, limit="1")["runs"]
    if not runs:
        fail(f"there is no allocation run of {period} yet: name a rule set (--rules)", BLOCKED)
    return applied(runs[0]["rule_set_version"])


def side_of(period: str, rules: Path | None = None) -> Side:
    """The same with the drivers of the month."""
    return Side(rule_set_of(period, rules))
