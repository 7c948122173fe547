"""What rules and pools may give cost to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from services.allocator.domain.rule_set import FIRST_DAY, SUSPENSE, Target, Tenure
from services.allocator.loading.attributes import Attributes
from services.allocator.loading.cost_centers import CostCenters
from services.allocator.loading.mappings import MappingTable
from services.allocator.loading.owners import tenures
from shared.documents import Problems

POOL_PREFIX = "pool:"


@dataclass(frozen=True)
class Known:
    """The cost centers and pools that targets may name, and the tables that drivers and conditions may.

    `first_day` is that of the first billing period of the rule set.
    """

    cost_centers: CostCenters
    pools: Collection[str]
    mappings: Mapping[str, MappingTable] = field(default_factory=dict)
    attributes: Attributes = field(default_factory=Attributes)
    first_day: str = FIRST_DAY

    @property
    def open(self) -> list[str]:
        """The cost centers that have not ended before the first billing period: whom `all` means."""
        return [name for name, row in self.cost_centers.items() if row.days.last >= self.first_day]

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
        advice = problems.suggestion(name, self.pools, "declare it under pools, or correct the name")
        problems.add(line, f"unknown pool {name!r}", advice)
        return None

    def cost_center(self, name: str, line: int, problems: Problems) -> Target | None:
        """A cost center by its id; one that ended before the rule set begins, without a successor, is a problem."""
        if name not in self.cost_centers:
            advice = problems.suggestion(name, self.cost_centers, "add it to the cost centers table, or correct the id")
            problems.add(line, f"unknown cost center {name!r}", advice)
            return None
        if not any(tenure.last >= self.first_day for tenure in tenures(name, self.cost_centers)):
            last = self.cost_centers[name].days.last
            message = f"cost center {name} ended on {last}, before the rule set begins"
            problems.add(line, message, "name its successor here, or in the cost centers table")
        return Target("cost_center", name)

    @cached_property
    def owners(self) -> Mapping[str, Target]:
        """From a driver's subject to its owner without a mapping: cost center ids, and pools as `pool:<id>`."""
        centers = {name: Target("cost_center", name) for name in self.cost_centers}
        return MappingProxyType(centers | {POOL_PREFIX + name: Target("pool", name) for name in self.pools})

    def owners_by(self, mapping: str) -> tuple[Mapping[str, Target], Mapping[str, tuple[Tenure, ...]]]:
        """From a driver's subject to its owner by a mapping table, and the subjects whose owner depends on the day."""
        always, dated = self.mappings[mapping].owners
        return {value: Target("cost_center", name) for value, name in always.items()}, dated
