"""One simulation: the same costs by two rule sets, and the document that tells the difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.allocator.archived_costs import archived_buckets
from services.allocator.domain.allocate import allocate_assigned
from services.allocator.domain.assigned import Assigned
from services.allocator.domain.charged import NO_EARLIER_MONTHS, EarlierMonths
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.drivers import NO_DRIVERS, Drivers
from services.allocator.domain.simulation import Change, Simulation, compare
from services.allocator.loading import LoadedRuleSet
from shared.money import text


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    loaded: LoadedRuleSet
    drivers: Drivers = NO_DRIVERS
    earlier: EarlierMonths = NO_EARLIER_MONTHS

    def assigned(self, billing_period: str, dimensions: Sequence[str]) -> Assigned:
        """What takes the costs by its rules."""
        return Assigned(billing_period, dimensions, self.loaded.rule_set, self.loaded.cost_centers)

    def as_json(self) -> dict[str, str]:
        """How the document names it."""
        return {"rule_set": self.loaded.rule_set.name, "version": self.loaded.version}


def dimensions_of(sides: Iterable[Side]) -> tuple[str, ...]:
    """What the costs have to be added up by for all sides."""
    return tuple(sorted({name for side in sides for name in dimensions_used(side.loaded.rule_set)}))


def simulate(before: Side, was: Assigned, after: Side, becomes: Assigned) -> dict[str, Any]:
    """Allocate what each side's rules took, and compare; returns the document as the API answers it. Blocking.

    Raises:
        CannotDivide: if a pool of either can't be split, with what to do.
    """
    found = compare(
        allocate_assigned(was, before.drivers, before.earlier),
        allocate_assigned(becomes, after.drivers, after.earlier),
        after.loaded.rule_set.basis,
    )
    return {"billing_period": was.billing_period, "before": before.as_json(), "after": after.as_json()} | _document(
        found
    )


def simulate_archive(archive: Path, billing_period: str, before: Side, after: Side) -> dict[str, Any]:
    """The same from the archive, without a running stack. Blocking.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive does not have the month.
    """
    buckets = archived_buckets(archive, billing_period, dimensions_of((before, after)))
    was, becomes = (side.assigned(billing_period, buckets.dimensions) for side in (before, after))
    for one in (was, becomes):
        one.take(buckets.rows)
    return simulate(before, was, after, becomes)


def _document(found: Simulation) -> dict[str, Any]:
    return {
        "basis": found.basis,
        "totals": [
            {
                "currency": one.currency, "total": text(one.total), "moved": text(one.moved),
                "suspense_before": text(one.suspense_before), "suspense_after": text(one.suspense_after),
            }
            for one in found.totals
        ],
        "movers": [_change("cost_center", one) for one in found.movers()],
        "cost_centers": [_change("cost_center", one) for one in found.cost_centers],
        "pools": [_change("pool", one) for one in found.pools],
        "rules": [_change("rule", one) for one in found.rules],
        "lines": {"before": found.lines_before, "after": found.lines_after, "changed": found.lines_changed},
    }  # fmt: skip


def _change(kind: str, one: Change) -> dict[str, str]:
    return {
        kind: one.name, "currency": one.currency, "before": text(one.before.total), "after": text(one.after.total),
        "change": text(one.change), "direct_before": text(one.before.direct), "direct_after": text(one.after.direct),
        "shared_before": text(one.before.shared), "shared_after": text(one.after.shared),
    }  # fmt: skip
