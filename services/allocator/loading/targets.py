"""What rules and pools may give cost to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from services.allocator.domain.rule_set import FIRST_DAY, Target
from services.allocator.loading.attributes import Attributes
from services.allocator.loading.cost_centers import CostCenters
from services.allocator.loading.owners import tenures
from shared.documents import Problems


@dataclass(frozen=True, slots=True)
class Known:
    """The cost centers and pools that targets may name, and the attributes that conditions may.

    `first_day` is that of the first billing period of the rule set.
    """

    cost_centers: CostCenters
    pools: Collection[str]
    attributes: Attributes = field(default_factory=Attributes)
    first_day: str = FIRST_DAY

    @property
    def open(self) -> list[str]:
        """The cost centers that have not ended before the first billing period: whom `all` means."""
        return [name for name, row in self.cost_centers.items() if row.days.last >= self.first_day]

    def target(self, name: str, line: int, problems: Problems) -> Target | None:
        """The target that a name stands for: a cost center id, or `pool:` and a pool id."""
        if name.startswith("pool:"):
            return self.pool(name.removeprefix("pool:"), line, problems)
        return self.cost_center(name, line, problems)

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
