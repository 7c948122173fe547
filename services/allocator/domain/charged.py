"""Whom earlier months' charges went to: what a refund of them is split by.

An earlier month is known by the lines of its newest run, so a refund goes to whoever pays for the charge, by whichever
rule, pool or driver that was decided then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from services.allocator.domain.buckets import GRAIN, Values, projection
from services.allocator.domain.cell import Partition
from services.allocator.domain.conditions import compile_condition
from services.allocator.domain.pool import AsCharged
from services.allocator.domain.rule_set import Condition, RuleSet
from shared.money import CONTEXT, ZERO

Cost = Mapping[str, Decimal]
"""Cost by cost center."""

_CLASS: Final = GRAIN.index("ChargeClass")
_POSITION: Final = {name: i for i, name in enumerate(GRAIN)}


class Charged(NamedTuple):
    """What one cost center got of charges with the same values of `GRAIN`."""

    values: Values
    cost_center: str
    billed_cost: Decimal
    effective_cost: Decimal


@dataclass(frozen=True, slots=True)
class EarlierMonth:
    """An earlier month as its newest run allocated it."""

    run_id: str
    charged: Sequence[Charged]


@dataclass(frozen=True, slots=True)
class EarlierMonths:
    """Earlier months by billing period, `YYYY-MM`; what is asked is added up once."""

    months: Mapping[str, EarlierMonth]
    _answers: dict[tuple[str, bool, Condition | None, tuple[str, ...]], Mapping[Values, Cost]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def find(
        self, month: str, where: Condition | None, currency: str, partition: Partition, *, billed: bool
    ) -> Cost | None:
        """What each cost center was charged in a month, in one currency and part of the partition; None without a run.

        Corrections of that month do not count: they are refunds themselves.
        """
        if month not in self.months:
            return None
        question = (month, billed, where, tuple(name for name, _ in partition))
        if question not in self._answers:
            self._answers[question] = self._answer(*question)
        return self._answers[question].get((currency, *(value for _, value in partition)), {})

    def runs(self) -> dict[str, str]:
        """The run that each month is known by, by month."""
        return {month: one.run_id for month, one in sorted(self.months.items())}

    def _answer(
        self, month: str, billed: bool, where: Condition | None, names: tuple[str, ...]
    ) -> Mapping[Values, Cost]:
        passes = compile_condition(where, _POSITION) if where else None
        pick = projection(GRAIN, (GRAIN[0], *names))
        found: dict[Values, dict[str, Decimal]] = defaultdict(dict)
        for values, cost_center, billed_cost, effective_cost in self.months[month].charged:
            if values[_CLASS] is None and (passes is None or passes(values)):
                costs = found[pick(values)]
                amount = billed_cost if billed else effective_cost
                costs[cost_center] = CONTEXT.add(costs.get(cost_center, ZERO), amount)
        return found


NO_EARLIER_MONTHS: Final = EarlierMonths({})


def looks_at_earlier_months(rule_set: RuleSet) -> bool:
    """Whether a run of a rule set has to be given earlier months."""
    return any(isinstance(pool.method, AsCharged) for pool in rule_set.pools)
