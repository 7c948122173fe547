"""Targets: chosen, or with a number each."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from services.allocator.domain.pool import Targets, Weights
from services.allocator.domain.rule_set import Target
from services.allocator.loading.attributes import cost_centers_where
from services.allocator.loading.numbers import decimal_of
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Node, Reader, Sequence, Text

_LISTED: Final = "write targets: all, or targets: [CC-100, CC-200]"


def read_targets(reader: Reader, known: Known) -> Targets:
    """The targets that `targets` names, without those that `exclude` does; none at all is a problem."""
    problems, node = reader.problems, reader.node.items.get("targets")
    excluded = _excluded(reader, known)
    kept = tuple(dict.fromkeys(target for target in _chosen(node, reader, known) if target.id not in excluded))
    if not kept:
        problems.add(reader.line("targets"), "the pool has no targets", _LISTED)
    return kept


def read_weights(reader: Reader, key: str, known: Known, what: str, advice: str) -> Weights:
    """Targets with a number from 0 on, of which one at least is not 0."""
    problems, node = reader.problems, reader.node.items.get(key)
    line = reader.line(key)
    if not isinstance(node, Mapping) or not node.items:
        problems.add(line, f"the pool has no {key} with {what}s", advice)
        return ()
    read = [
        (known.target(name, node.key_lines[name], problems), decimal_of(value, problems, f"the {what} of {name}"))
        for name, value in node.items.items()
    ]
    if not any(weight or weight is None for _, weight in read):
        problems.add(line, f"all {what}s are zero", advice)
    return tuple((target, weight) for target, weight in read if target and weight is not None)


def total_of(weights: Weights) -> Decimal:
    """What the numbers add up to."""
    return sum((weight for _, weight in weights), Decimal(0))


def refuse_pools(targets: Targets, reader: Reader) -> None:
    """Complain about pools where cost centers' own cost decides."""
    for target in targets:
        if target.kind == "pool":
            message = f"pool {target.id} has no direct cost to be a target in proportion to"
            reader.problems.add(reader.line("targets"), message, "use weighted, or name cost centers")


def _chosen(node: Node | None, reader: Reader, known: Known) -> list[Target]:
    """What `targets` stands for: `all`, or a list of names. A new way to choose targets goes here and nowhere else."""
    if isinstance(node, Text) and node.text == "all":
        return [Target("cost_center", name) for name in sorted(known.open)]
    if isinstance(node, Mapping) and "where" in node.items:
        return _chosen_by_attributes(Reader(node, reader.problems), known)
    if isinstance(node, Sequence) and all(isinstance(item, Text) for item in node.items):
        return _named([item for item in node.items if isinstance(item, Text)], reader, known)
    if node is not None:
        reader.problems.add(reader.line("targets"), "targets are not a list", _LISTED)
    return []


def _chosen_by_attributes(chosen: Reader, known: Known) -> list[Target]:
    chosen.allow("where")
    where = chosen.mapping("where", "write targets: {where: {attribute: department, equals: IT}}")
    names = cost_centers_where(where, known.cost_centers) if where else []
    still_open = set(known.open)
    return [Target("cost_center", name) for name in names if name in still_open]


def _named(names: list[Text], reader: Reader, known: Known) -> list[Target]:
    found: dict[str, Target | None] = {}
    for name in names:
        if name.text in found:
            reader.problems.add(name.line, f"target {name.text} is listed twice", "keep one of them")
        else:
            found[name.text] = known.target(name.text, name.line, reader.problems)
    return [target for target in found.values() if target]


def _excluded(reader: Reader, known: Known) -> set[str]:
    if "exclude" not in reader.node.items:
        return set()
    names = reader.texts("exclude", "write exclude: [CC-900]")
    if not isinstance(reader.node.items.get("targets"), Text):
        reader.problems.add(reader.line("exclude"), "exclude goes with targets: all only", "leave the target out")
    return {name.text for name in names if known.cost_center(name.text, name.line, reader.problems)}
