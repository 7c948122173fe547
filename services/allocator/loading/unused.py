"""What a rule set declares and nothing uses: allowed, and most likely not meant."""

from __future__ import annotations

from collections.abc import Iterator

from services.allocator.domain.methods.targets import takers
from services.allocator.domain.pool import Proportional
from services.allocator.domain.pools import fed_by
from services.allocator.domain.rule_set import Divided, Lookup, RuleSet, Target
from services.allocator.loading.problems import listed
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Node, Problems, Reader, Sequence, Text


def warn_of_unused(rule_set: RuleSet, top: Reader, known: Known) -> None:
    """Warn of pools that nothing feeds, tables that nothing looks into, and cost centers that can't get any cost."""
    problems = top.problems
    targets = set(_targets(rule_set))
    for reader in top.mappings("pools", ""):
        name = reader.text("id", "") or ""
        if Target("pool", name) not in targets and not any(name in fed_by(pool) for pool in rule_set.pools):
            problems.rule = name
            problems.warn(reader.node.line, "no rule and no pool gives to this pool", "delete it, or assign cost to it")
    problems.rule = ""
    _warn_of_tables(top, "mappings", "mapping", problems)
    _warn_of_tables(top, "attributes", "attribute", problems)
    _warn_of_cost_centers(rule_set, targets, top, known)


def _warn_of_tables(top: Reader, declared: str, used: str, problems: Problems) -> None:
    names = {name.partition(".")[0] if used == "attribute" else name for name in _texts_of(top.node, used)}
    node = top.node.items.get(declared)
    if isinstance(node, Mapping):
        for name in node.items.keys() - names:
            problems.warn(node.key_lines[name], f"nothing uses {used} {name!r}", "delete it, or use it")


def _warn_of_cost_centers(rule_set: RuleSet, targets: set[Target], top: Reader, known: Known) -> None:
    lookups = [rule.assign for rule in rule_set.rules if isinstance(rule.assign, Lookup)]
    if any(lookup.mapping is None for lookup in lookups):
        return
    reached = {target.id for target in targets if target.kind == "cost_center"}
    for lookup in lookups:
        reached.update((lookup.mapping or {}).values())
        reached.update(tenure.cost_center for tenures in lookup.dated.values() for tenure in tenures)
    unreached = [name for name in known.open if name not in reached]
    if unreached:
        table, line = top.text("cost_centers", "") or "", known.cost_centers[unreached[0]].line
        message = f"no rule and no pool gives cost to {listed(unreached)}"
        top.problems.warn(line, message, "map something to them, or take them out", file=table)


def _targets(rule_set: RuleSet) -> Iterator[Target]:
    """Whom rules, the fallback and pools name; a proportional pool gives only to those who have cost already."""
    yield rule_set.fallback
    for rule in rule_set.rules:
        if isinstance(rule.assign, Divided):
            yield from (target for target, _ in rule.assign.targets)
        elif isinstance(rule.assign, Target):
            yield rule.assign
    for pool in rule_set.pools:
        if not isinstance(pool.method, Proportional):
            yield from takers(pool.method)


def _texts_of(node: Node, key: str) -> Iterator[str]:
    """Every text that a key has, anywhere in the document."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _texts_of(item, key)
    elif isinstance(node, Mapping):
        for name, item in node.items.items():
            if name == key and isinstance(item, Text):
                yield item.text
            yield from _texts_of(item, key)
