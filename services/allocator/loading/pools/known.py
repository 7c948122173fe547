"""What pools and rules may name: cost centers, pools and mapping tables."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from services.allocator.domain.rule_set import SUSPENSE, Target
from shared.documents import Problems

POOL_PREFIX = "pool:"


@dataclass(frozen=True)
class Known:
    """What targets may name."""

    cost_centers: Collection[str]
    pools: Collection[str]
    mappings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def target(self, name: str, line: int, problems: Problems) -> Target | None:
        """The target that a name stands for: a cost center id, or `pool:` and a pool id."""
        if name.startswith(POOL_PREFIX):
            return self.pool(name.removeprefix(POOL_PREFIX), line, problems)
        return self.cost_center(name, line, problems)

    def place(self, name: str, line: int, problems: Problems, advice: str = "") -> Target | None:
        """A target, or suspense; `advice` says what else the name could be."""
        if name == "suspense":
            return SUSPENSE
        if advice and name not in self.cost_centers and not name.startswith(POOL_PREFIX):
            problems.add(line, f"{name!r} is no policy and no cost center", advice)
            return None
        return self.target(name, line, problems)

    def pool(self, name: str, line: int, problems: Problems) -> Target | None:
        """A pool by its id."""
        if name in self.pools:
            return Target("pool", name)
        near = difflib.get_close_matches(name, self.pools, 1)
        advice = f"did you mean {near[0]}?" if near else "declare it under pools, or correct the name"
        problems.add(line, f"unknown pool {name!r}", advice)
        return None

    def cost_center(self, name: str, line: int, problems: Problems) -> Target | None:
        """A cost center by its id."""
        if name in self.cost_centers:
            return Target("cost_center", name)
        problems.add(line, f"unknown cost center {name!r}", "add it to the cost centers table, or correct the id")
        return None

    @cached_property
    def owners(self) -> Mapping[str, Target]:
        """From a driver's subject to its owner without a mapping: cost center ids, and pools as `pool:<id>`."""
        centers = {name: Target("cost_center", name) for name in self.cost_centers}
        return MappingProxyType(centers | {POOL_PREFIX + name: Target("pool", name) for name in self.pools})

    def owners_by(self, mapping: str) -> Mapping[str, Target]:
        """From a driver's subject to its owner by a mapping table."""
        return {value: Target("cost_center", name) for value, name in self.mappings[mapping].items()}
