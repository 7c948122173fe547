"""Where one charge ends up: the takers of the pools on its way, and the exact part that each gets."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from services.allocator.domain.assign import Decision
from services.allocator.domain.cell import Partition
from services.allocator.domain.lines import SUSPENSE_COST_CENTER
from services.allocator.domain.rule_set import Divided, RuleSet, Target
from services.allocator.domain.step_down import Divisions

_Values = dict[str, str | None]


class Outcome(NamedTuple):
    """One taker: the pools that the cost went through to it, and its part of the charge."""

    cost_center: str
    path: tuple[str, ...]
    part: Fraction


class Outcomes:
    """Finds the outcomes of charges by how a run divided its pools."""

    def __init__(self, rule_set: RuleSet, divisions: Divisions) -> None:
        self._partitions = {pool.id: pool.partition_by for pool in rule_set.pools}
        self._divisions = divisions
        self._found: dict[tuple[Decision, str, Partition], list[Outcome] | None] = {}

    def of(self, decision: Decision, currency: str, partition: Partition) -> list[Outcome] | None:
        """The takers of a charge, sorted, parts adding up to 1.

        None if the run did not divide the cell that it belongs to: all that is in it cancels out.

        Args:
            partition: the values of every dimension that any pool is partitioned by.
        """
        key = (decision, currency, partition)
        if key not in self._found:
            values = dict(partition)
            try:
                self._found[key] = _joined(self._follow(decision.target, currency, values, (), Fraction(1)))
            except KeyError:
                self._found[key] = None
        return self._found[key]

    def _follow(
        self,
        target: Target | Divided,
        currency: str,
        values: dict[str, str | None],
        path: tuple[str, ...],
        part: Fraction,
    ) -> list[Outcome]:
        if isinstance(target, Divided):
            return [
                outcome
                for one, percent in target.targets
                for outcome in self._follow(one, currency, values, path, part * Fraction(percent) / 100)
            ]
        if target.kind != "pool":
            return [Outcome(target.id or SUSPENSE_COST_CENTER, path, part)]
        where = tuple((name, values[name]) for name in self._partitions[target.id])
        division = self._divisions[target.id, currency, where]
        return [
            outcome
            for taker in division.parts
            for outcome in self._follow(
                taker.target, currency, values, (*path, target.id), part * taker.weight / division.whole
            )
        ]


def _joined(outcomes: list[Outcome]) -> list[Outcome]:
    found: dict[tuple[str, tuple[str, ...]], Fraction] = {}
    for cost_center, path, part in outcomes:
        found[cost_center, path] = found.get((cost_center, path), Fraction(0)) + part
    return sorted(Outcome(*key, part) for key, part in found.items() if part)
