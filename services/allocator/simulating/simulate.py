"""One simulation: the same costs by two rule sets, and the document that tells the difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.allocator.archived_costs import archived_buckets
from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Buckets
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

    def as_json(self) -> dict[str, str]:
        """How the document names it."""
        return {"rule_set": self.loaded.rule_set.name, "version": self.loaded.version}


def dimensions_of(sides: Iterable[Side]) -> tuple[str, ...]:
    """What the costs have to be added up by for all sides."""
    return tuple(sorted({name for side in sides for name in dimensions_used(side.loaded.rule_set)}))


def simulate(buckets: Buckets, before: Side, after: Side) -> dict[str, Any]:
    """Allocate twice and compare; returns the document as the API answers it. Blocking.

    Raises:
        CannotDivide: if a pool of either can't be split, with what to do. DimensionMissing: if the costs were added up
            by too little.
    """
    was, becomes = (
        allocate(buckets, side.loaded.rule_set, side.loaded.cost_centers, side.drivers, side.earlier)
        for side in (before, after)
    )
    found = compare(was, becomes, after.loaded.rule_set.basis)
    return {"billing_period": buckets.billing_period, "before": before.as_json(), "after": after.as_json()} | _document(
        found
    )


def simulate_archive(archive: Path, billing_period: str, before: Side, after: Side) -> dict[str, Any]:
    """The same from the archive, without a running stack. Blocking.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive does not have the month.
    """
    buckets = archived_buckets(archive, billing_period, dimensions_of((before, after)))
    return simulate(buckets, before, after)


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
