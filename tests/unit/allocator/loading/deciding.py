"""A small rule set to change, and whom its rules give a charge to."""

from __future__ import annotations

from collections.abc import Sequence

from services.allocator.domain.assign import Decision, assigner
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.rule_set import Divided
from services.allocator.loading import Bundle, LoadedRuleSet, load, review

CENTERS = "cost_center_id,name,owner\nCC-1,One,ann\nCC-2,Two,bob\nCC-3,Three,cyd\n"
HEAD = "name: acme\neffective_from: 2026-01\nbasis: BilledCost\ncost_centers: centers.csv\n"


def bundle(text: str, centers: str = CENTERS, **tables: str) -> Bundle:
    """A rule set of these lines; tables are named without `.csv`."""
    fallback = "" if "fallback:" in text else "fallback: {suspense: true}\n"
    files = {f"{name}.csv": table for name, table in tables.items()}
    return Bundle(f"{HEAD}{text.strip()}\n{fallback}", {"centers.csv": centers} | files)


def decision(loaded: LoadedRuleSet, day: str = "2026-01-15", **values: str | None) -> Decision:
    """What the rules decide about a charge; `tag_team` is the tag `team`."""
    named = {name.replace("tag_", "tag:"): value for name, value in values.items()} | {"charge_day": day}
    dimensions = tuple(sorted({*rule_dimensions(loaded.rule_set), *named}))
    row = tuple(named.get(name) for name in dimensions)
    return assigner(loaded.rule_set, loaded.cost_centers, dimensions)(row)


def owner(loaded: LoadedRuleSet, day: str = "2026-01-15", **values: str | None) -> str:
    """Who gets a charge: `CC-1`, `pool:shared`, `CC-1=70 CC-2=30`, or nobody."""
    target = decision(loaded, day, **values).target
    if isinstance(target, Divided):
        return " ".join(f"{one.id}={percent}" for one, percent in target.targets)
    return f"pool:{target.id}" if target.kind == "pool" else target.id or "nobody"


def rules(text: str, centers: str = CENTERS, **tables: str) -> LoadedRuleSet:
    """The rule set of these lines, loaded."""
    return load(bundle(text, centers, **tables))


def said(text: str, centers: str = CENTERS, **tables: str) -> Sequence[str]:
    """Every error and warning about these lines; the first of them is line 5."""
    return [str(one) for one in review(bundle(text, centers, **tables))[1]]
