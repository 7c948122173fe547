"""Groups of pools that serve each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from services.allocator.domain.bases import bases_of
from services.allocator.domain.pool import FixedAmount, Pool, UsageRate
from services.allocator.domain.pools import fed_by, gives_outside
from services.allocator.loading.pools.policies import methods_in
from shared.documents import Reader, Sequence, Text

Groups = tuple[tuple[str, ...], ...]
_ADVICE: Final = "write reciprocal: [[it, hr]]: lists of pools that feed each other"


def read_reciprocal(top: Reader, pools: Mapping[str, Pool], declared: Mapping[str, object]) -> Groups:
    """The groups that the document declares, each of pools that can be solved together."""
    node, problems = top.node.items.get("reciprocal"), top.problems
    if node is None:
        return ()
    items = node.items if isinstance(node, Sequence) else ()
    if not items or not all(isinstance(item, Sequence) for item in items):
        problems.add(top.line("reciprocal"), "reciprocal is not a list of lists", _ADVICE)
        return ()
    groups: list[tuple[str, ...]] = []
    for item in items:
        assert isinstance(item, Sequence)
        names = [one.text for one in item.items if isinstance(one, Text)]
        for name in names:
            if name not in declared:
                problems.add(item.line, f"unknown pool {name!r} in a reciprocal group", "declare it under pools")
            if names.count(name) > 1 or any(name in group for group in groups):
                problems.add(item.line, f"pool {name} is twice in reciprocal groups", "keep one of them")
        if len(names) < 2 or len(names) < len(item.items):
            problems.add(item.line, "a reciprocal group names fewer than two pools", _ADVICE)
        elif all(name in pools for name in names):
            for message, advice in _wrong({name: pools[name] for name in names}):
                problems.add(item.line, message, advice)
        groups.append(tuple(names))
    return tuple(groups)


def _wrong(group: Mapping[str, Pool]) -> Iterator[tuple[str, str]]:
    """Why pools can't be solved as simultaneous equations."""
    for name, pool in group.items():
        methods = list(methods_in(pool.method))
        if any(isinstance(one, FixedAmount | UsageRate) for one in methods):
            yield f"pool {name} of a reciprocal group says amounts, not shares", "use a method that says shares"
        if any(base.received for base in bases_of(pool.method)):
            yield f"pool {name} of a reciprocal group looks at received cost", "use base: direct"
        if pool.cap:
            yield f"pool {name} of a reciprocal group has a cap", "put the cap on a pool that it feeds"
        if pool.when_negative != "mirror":
            yield f"pool {name} of a reciprocal group has its own way with credits", "remove when_negative"
    if len({pool.partition_by for pool in group.values()}) > 1:
        yield f"pools {', '.join(group)} are not partitioned alike", "give them the same partition_by"
    closed = sorted(name for name, pool in group.items() if not gives_outside(name, group))
    if closed:
        yield f"what enters pool {closed[0]} never leaves the reciprocal group", "give it a target outside the group"
    for name, pool in group.items():
        if not fed_by(pool) & (group.keys() - {name}):
            yield f"pool {name} feeds no other pool of its reciprocal group", "take it out of the group"
