"""The order in which pools are split: feeders first, and the groups that are solved together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.allocator.domain.bases import CURRENCY, bases_of, received_dimensions
from services.allocator.domain.methods.targets import takers
from services.allocator.domain.pool import Pool
from services.allocator.domain.rule_set import Target

Stage = tuple[Pool, ...]
"""Pools that are split together: one, or a reciprocal group."""


class PoolCycle(ValueError):
    """Pools that feed each other in a circle, and are no reciprocal group, have no step-down order."""

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(f"pools feed each other in a circle: {' -> '.join(self.cycle)}")


def fed_by(pool: Pool) -> set[str]:
    """The pools that a pool may give to, by its method or by a policy."""
    targets: list[object] = [*takers(pool.method), pool.when_zero, pool.when_negative]
    if pool.cap:
        targets.append(pool.cap.spill)
    return {target.id for target in targets if isinstance(target, Target) and target.kind == "pool"}


def gives_outside(name: str, group: Mapping[str, Pool]) -> bool:
    """Whether something of what enters a pool of a group may leave the group, at once or by way of its other pools."""
    seen, waiting = set[str](), [name]
    while waiting:
        pool = group[waiting.pop()]
        if any(target.kind != "pool" or target.id not in group for target in takers(pool.method)):
            return True
        seen.add(pool.id)
        waiting += fed_by(pool) & group.keys() - seen
    return False


def stages(pools: Iterable[Pool], reciprocal: Iterable[Sequence[str]] = ()) -> tuple[Stage, ...]:
    """Order pools so that each comes after all that feed it.

    Of those that could come next, one that splits by received cost is the last, so that it sees what the others gave;
    equals are ordered by id.

    Raises:
        PoolCycle: naming the pools of one cycle, its first one repeated at the end.
    """
    known = {pool.id: pool for pool in sorted(pools, key=lambda pool: pool.id)}
    group_of = {name: tuple(sorted(group)) for group in reciprocal for name in group}
    waiting: dict[tuple[str, ...], set[str]] = {}
    for name, pool in known.items():
        group = group_of.get(name, (name,))
        waiting.setdefault(group, set()).update(fed_by(pool) - (set(group) if len(group) > 1 else set()))
    order: list[Stage] = []
    while waiting:
        fed = set().union(*waiting.values())
        free = [group for group in waiting if not fed.intersection(group)]
        if not free:
            raise PoolCycle(_cycle({name: fed_by(known[name]) for group in waiting for name in group}, group_of))
        group = min(free, key=lambda one: (any(_looks_at_received(known[name]) for name in one), one))
        del waiting[group]
        order.append(tuple(known[name] for name in group))
    return tuple(order)


def partitions_ahead(order: Sequence[Stage]) -> dict[str, set[str]]:
    """For each pool the dimensions that its cost has to keep on the way.

    It, or any pool that its cost may come to, is partitioned by them; or a later pool looks at them of what cost
    centers have received.
    """
    ahead: dict[str, set[str]] = {}
    later = looked_at_later(order)
    for stage in reversed(order):
        names = {pool.id for pool in stage}
        of_stage = {name for pool in stage for name in (*pool.partition_by, *later[pool.id])}
        of_stage |= {name for pool in stage for fed in fed_by(pool) - names for name in ahead[fed]}
        ahead.update(dict.fromkeys(names, of_stage))
    return ahead


def looked_at_later(order: Sequence[Stage]) -> dict[str, set[str]]:
    """For each pool the dimensions that pools after it look at of what cost centers have received."""
    later: dict[str, set[str]] = {}
    wanted: set[str] = set()
    for stage in reversed(order):
        later.update((pool.id, wanted) for pool in stage)
        wanted = wanted | {*received_dimensions(stage)} - {CURRENCY}
    return later


def _looks_at_received(pool: Pool) -> bool:
    return any(base.received for base in bases_of(pool.method))


def _cycle(feeds: Mapping[str, set[str]], group_of: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Find one undeclared cycle among pools each of which is fed by another: walk from feeder to feeder."""

    def feeders(name: str) -> list[str]:
        group = group_of.get(name, ())
        return sorted(one for one, fed in feeds.items() if name in fed and (not group or one not in group))

    def step_back(name: str) -> str:
        for one in (name, *group_of.get(name, ())):
            if found := feeders(one):
                return found[0]
        raise AssertionError(name)

    walked = [min(feeds)]
    while walked.count(walked[-1]) == 1:
        walked.append(step_back(walked[-1]))
    cycle = walked[walked.index(walked[-1]) :][::-1]
    first = cycle.index(min(cycle))
    return [*cycle[first:-1], *cycle[:first], cycle[first]]
