"""Pools: methods, targets and weights."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final, Literal, get_args

from services.allocator.domain.pool import Even, FixedPercent, Pool, Proportional, Weighted, WhenZero
from services.allocator.domain.pools import PoolCycle, stages
from services.allocator.domain.rule_set import SUSPENSE, Target
from services.allocator.loading.numbers import decimal_of
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Problems, Reader, Sequence, Text

Made = Even | Weighted | FixedPercent | Proportional
Method = Literal["even", "fixed_percent", "weighted", "proportional"]
_METHODS: Final[tuple[Method, ...]] = get_args(Method)
_POLICIES: Final = ("even", "suspense", "fail")
_HUNDRED: Final = Decimal(100)
_LISTED: Final = "write targets: all, or targets: [CC-100, CC-200]"
_WEIGHTED: Final = "write targets: {CC-100: 3, CC-200: 1}"


def read_pools(readers: Collection[Reader], known: Known, problems: Problems) -> tuple[Pool, ...]:
    """Read all pools, and refuse those that feed each other in a circle."""
    pools: dict[str, Pool] = {}
    for reader in readers:
        pool = _pool(reader, known)
        problems.rule = ""
        if pool:
            pools[pool.id] = pool
    try:
        stages(pools.values())
    except PoolCycle as error:
        line = next(reader.node.line for reader in readers if _id(reader) == error.cycle[0])
        problems.rule = error.cycle[0]
        problems.add(line, str(error), "take one of them out of the targets of the one before it")
        problems.rule = ""
    return tuple(pools.values())


def _id(reader: Reader) -> str:
    node = reader.node.items.get("id")
    return node.text if isinstance(node, Text) else ""


def _pool(reader: Reader, known: Known) -> Pool | None:
    problems = reader.problems
    problems.rule = _id(reader)
    reader.allow("id", "method", "targets", "exclude", "when_zero")
    method = reader.text("method", f"choose {', '.join(_METHODS)}")
    if method not in _METHODS:
        if method:
            problems.add(reader.line("method"), f"unknown method {method!r}", f"choose {', '.join(_METHODS)}")
        return None
    targets = _targets(reader, method, known)
    policy = reader.text("when_zero", f"choose {', '.join(_POLICIES)}", "fail")
    if policy not in _POLICIES:
        problems.add(reader.line("when_zero"), f"unknown policy {policy!r}", f"choose {', '.join(_POLICIES)}")
        return None
    if "when_zero" in reader.node.items and method != "proportional":
        problems.add(reader.line("when_zero"), f"when_zero has no meaning for {method}", "remove it")
    zero: WhenZero = SUSPENSE if policy == "suspense" else "even" if policy == "even" else "fail"
    weights = tuple((target, weight) for target, weight in targets if weight is not None)
    names = tuple(target for target, _ in targets)
    made: dict[str, Made] = {
        "even": Even(names), "weighted": Weighted(weights), "fixed_percent": FixedPercent(weights),
        "proportional": Proportional(names),
    }  # fmt: skip
    return Pool(problems.rule, made[method], when_zero=zero)


def _targets(reader: Reader, method: Method, known: Known) -> tuple[tuple[Target, Decimal | None], ...]:
    problems, node = reader.problems, reader.node.items.get("targets")
    if method in {"fixed_percent", "weighted"}:
        if "exclude" in reader.node.items:
            problems.add(reader.line("exclude"), f"exclude has no meaning for {method}", "leave the target out")
        return _with_weights(node, reader, method, known)
    names = _listed(node, reader, known)
    excluded = _excluded(reader, known)
    targets = [target for name, line in names if (target := known.target(name, line, problems))]
    kept = tuple(dict.fromkeys(target for target in targets if target.id not in excluded))
    _refuse_pools_without_cost(kept, method, reader)
    if not kept:
        problems.add(reader.line("targets"), "the pool has no targets", _LISTED)
    weight = None if method == "proportional" else Decimal(1)
    return tuple((target, weight) for target in kept)


def _listed(node: object, reader: Reader, known: Known) -> list[tuple[str, int]]:
    if isinstance(node, Text) and node.text == "all":
        return [(name, node.line) for name in sorted(known.open)]
    if isinstance(node, Sequence) and all(isinstance(item, Text) for item in node.items):
        names = [(item.text, item.line) for item in node.items if isinstance(item, Text)]
        for i, (name, line) in enumerate(names):
            if name in {before for before, _ in names[:i]}:
                reader.problems.add(line, f"target {name} is listed twice", "keep one of them")
        return names
    if node is not None:
        reader.problems.add(reader.line("targets"), "targets are not a list", _LISTED)
    return []


def _excluded(reader: Reader, known: Known) -> set[str]:
    if "exclude" not in reader.node.items:
        return set()
    names = reader.texts("exclude", "write exclude: [CC-900]")
    if not isinstance(reader.node.items.get("targets"), Text):
        reader.problems.add(reader.line("exclude"), "exclude goes with targets: all only", "leave the target out")
    return {name.text for name in names if known.cost_center(name.text, name.line, reader.problems)}


def _refuse_pools_without_cost(targets: Collection[Target], method: Method, reader: Reader) -> None:
    for target in targets:
        if method == "proportional" and target.kind == "pool":
            message = f"pool {target.id} has no direct cost to be a target in proportion to"
            reader.problems.add(reader.line("targets"), message, "use weighted, or name cost centers")


def _with_weights(
    node: object, reader: Reader, method: Method, known: Known
) -> tuple[tuple[Target, Decimal | None], ...]:
    problems, line = reader.problems, reader.line("targets")
    if not isinstance(node, Mapping) or not node.items:
        problems.add(line, "the pool has no targets with weights", _WEIGHTED)
        return ()
    found: list[tuple[Target, Decimal | None]] = []
    whole = Decimal(0)
    for name, value in node.items.items():
        target = known.target(name, node.key_lines[name], problems)
        weight = decimal_of(value, problems, f"the weight of {name}")
        whole += weight or 0
        if target:
            found.append((target, weight))
    if method == "fixed_percent" and whole != _HUNDRED:
        problems.add(line, f"the percentages add up to {whole}, not 100", "correct them; nothing is rounded")
    elif not whole:
        problems.add(line, "all weights are zero", _WEIGHTED)
    return tuple(found)
