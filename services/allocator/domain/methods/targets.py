"""Whom a method may give to."""

from __future__ import annotations

from services.allocator.domain.pool import (
    AsCharged,
    ByDrivers,
    Even,
    FixedAmount,
    FixedPercent,
    FloorPlusVariable,
    Method,
    Proportional,
    Targets,
    UsageRate,
    Weighted,
)
from services.allocator.domain.rule_set import SUSPENSE, Target


def named_targets(method: Method) -> Targets:
    """The targets that a share method names: those that the policy `even` is about."""
    match method:
        case Even(targets) | Proportional(targets) | ByDrivers(targets) | UsageRate(targets) | AsCharged(targets):
            return targets
        case Weighted(weights) | FixedPercent(weights):
            return tuple(target for target, _ in weights)
        case FixedAmount(amounts, rest=rest):
            return (*(target for target, _ in amounts), *named_targets(rest))
        case FloorPlusVariable(floor=floor, variable=variable):
            return (*named_targets(floor), *named_targets(variable))


def takers(method: Method) -> Targets:
    """Everyone that a method may give to: its targets, the residual, the owner of what nobody owns, the variance."""
    others: list[Target | None] = []
    match method:
        case FixedPercent(residual=residual):
            others = [residual]
        case ByDrivers(subjects=subjects):
            others = [subjects.unowned]
        case UsageRate(variance=variance, subjects=subjects):
            others = [variance, subjects.unowned]
        case FixedAmount(rest=rest):
            others = [*takers(rest)]
        case FloorPlusVariable(floor=floor, variable=variable):
            others = [*takers(floor), *takers(variable)]
        case AsCharged(otherwise=otherwise):
            others = [SUSPENSE, *(takers(otherwise) if otherwise else ())]
    return (*named_targets(method), *(target for target in others if target))
