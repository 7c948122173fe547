"""Allocation lines: what a cost center gets of one origin, and the id that stays the same over runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from services.allocator.domain.buckets import Values

SUSPENSE_COST_CENTER: Final = "SUSPENSE"
"""The reserved cost center of lines that nobody owns yet."""

Kind = Literal["direct", "shared", "suspense"]


class Share(NamedTuple):
    """A line's part of its last pool: `weight / weight_total`."""

    weight: Decimal
    weight_total: Decimal


@dataclass(frozen=True, slots=True)
class Flow:
    """Where cost came from and which way it took: what all lines of one split have in common.

    `origin` holds the values of `GRAIN` without the currency. `path` names the pools the cost went through, first to
    last; `method` is that of the last one.
    """

    billing_period: str
    currency: str
    origin: Values
    rule_id: str
    path: tuple[str, ...] = ()
    method: str | None = None
    _digest: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = [self.billing_period, self.currency, self.rule_id, self.path, self.origin]
        digest = hashlib.sha256(json.dumps(key).encode())
        object.__setattr__(self, "_digest", digest)

    def through(self, pool: str, method: str | None) -> Flow:
        """The flow of what leaves a pool that this flow went into."""
        return Flow(self.billing_period, self.currency, self.origin, self.rule_id, (*self.path, pool), method)

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
