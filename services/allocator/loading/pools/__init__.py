"""Pools: methods, policies and groups."""

from __future__ import annotations

from collections.abc import Mapping

from services.allocator.domain.pool import Pool
from services.allocator.domain.pools import PoolCycle, stages
from services.allocator.loading.pools import policies
from services.allocator.loading.pools.methods import read_method
from services.allocator.loading.pools.policies import read_pool
from services.allocator.loading.pools.reciprocal import Groups, read_reciprocal
from services.allocator.loading.targets import Known
from shared.documents import Reader

__all__ = ["Known", "read_pools"]


def read_pools(top: Reader, readers: Mapping[str, Reader], known: Known) -> tuple[tuple[Pool, ...], Groups]:
    """Read all pools and their reciprocal groups, and refuse other pools that feed each other in a circle.

    Args:
        readers: each pool's mapping by its id.
    """
    problems = top.problems
    pools: dict[str, Pool] = {}
    for name, reader in readers.items():
        problems.rule = name
        method = read_method(reader, known, "id", *policies.KEYS)
        if method:
            pools[name] = read_pool(name, method, reader, known)
    problems.rule = ""
    groups = read_reciprocal(top, pools, readers)
    try:
        stages(pools.values(), [group for group in groups if pools.keys() >= set(group)])
    except PoolCycle as error:
        problems.rule = error.cycle[0]
        advice = "take one of them out of the targets of the one before it, or declare them reciprocal"
        problems.add(readers[error.cycle[0]].node.line, str(error), advice)
        problems.rule = ""
    return tuple(pools.values()), groups
