"""Allocation lines: what a cost center gets of one origin, and the id that stays the same over runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from services.allocator.domain.buckets import Values
from services.allocator.domain.cell import Partition
from services.allocator.domain.rule_set import CHARGE_DAY

SUSPENSE_COST_CENTER: Final = "SUSPENSE"
"""The reserved cost center of lines that nobody owns yet."""

Kind = Literal["direct", "shared", "suspense"]


class Share(NamedTuple):
    """A part of what a pool or rule divides: `weight / weight_total`."""

    weight: Decimal
    weight_total: Decimal


class Step(NamedTuple):
    """A pool that cost went through on its way to another one, and the share that went on."""

    pool: str
    method: str | None
    share: Share | None


@dataclass(frozen=True, slots=True)
class Flow:
    """Where cost came from and which way it took: what all lines of one split have in common.

    `origin` holds the values of `GRAIN` without the currency. `path` names the pools the cost went through, first to
    last, and `steps` the shares of all but the last; `method` and `leg` are those of the last one. `partition` has the
    values that pools on the way divide by. The charge day among them tells flows apart, but not lines: the days of a
    month add up to one.
    """

    billing_period: str
    currency: str
    origin: Values
    rule_id: str
    path: tuple[str, ...] = ()
    method: str | None = None
    leg: str = ""
    partition: Partition = ()
    steps: tuple[Step, ...] = ()
    _digest: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key: list[Any] = [self.billing_period, self.currency, self.rule_id, self.path, self.origin]
        apart = [pair for pair in self.partition if pair[0] != CHARGE_DAY]
        if apart or self.leg:
            key += [apart, self.leg]
        object.__setattr__(self, "_digest", hashlib.sha256(json.dumps(key).encode()))

    def allocation_id(self, cost_center: str) -> str:
        """Derive a line's id from what it is about and not from its amounts, which may change: 32 hex digits."""
        digest = self._digest.copy()
        digest.update(cost_center.encode())
        return str(digest.hexdigest()[:32])


class Line(NamedTuple):
    """One allocation line: amounts in the flow's currency, and the share of the last pool, if any."""

    allocation_id: str
    flow: Flow
    cost_center: str
    kind: Kind
    billed_cost: Decimal
    effective_cost: Decimal
    share: Share | None
