"""The lens: which dimensions the stream keeps of a cost event.

The base covers the line grain and what most rule sets look at, so that most rule changes need no new lens. What rules
name beyond it is added; a lens only grows. The charge day is not in the base, as it makes thirty buckets of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.allocator.domain.buckets import GRAIN
from services.allocator.domain.rule_set import CHARGE_DAY, CHARGE_MONTH
from shared.projection import Projection

BASE: Final = (*GRAIN[1:], "RegionId", "CommitmentDiscountId", "CommitmentDiscountStatus")
CURRENCY: Final = "BillingCurrency"
_TAG: Final = "tag:"
_TIMES: Final = frozenset({CHARGE_DAY, CHARGE_MONTH})


@dataclass(frozen=True, slots=True)
class Lens:
    """Dimensions beyond the base, sorted: FOCUS columns, `x_` columns, `tag:<key>`, `charge_day` and `charge_month`."""

    extra: tuple[str, ...] = ()

    @property
    def lens_id(self) -> str:
        """Derived from the dimensions: the same lens everywhere."""
        return "lens-" + hashlib.sha256(json.dumps(self.dimensions).encode()).hexdigest()[:12]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of a bucket's values, in order: the currency first."""
        return (CURRENCY, *self.projection().dimensions)

    def projection(self) -> Projection:
        """What the cost stream decodes."""
        columns = tuple(name for name in self.extra if not name.startswith((_TAG, "x_")) and name not in _TIMES)
        return Projection(
            columns=BASE + columns,
            tags=tuple(name.removeprefix(_TAG) for name in self.extra if name.startswith(_TAG)),
            custom=tuple(name for name in self.extra if name.startswith("x_")),
            charge_day=CHARGE_DAY in self.extra,
            charge_month=CHARGE_MONTH in self.extra,
        )

    def covers(self, dimensions: Iterable[str]) -> bool:
        """Whether buckets of this lens have all these dimensions."""
        return set(dimensions) <= set(self.dimensions)

    def with_dimensions(self, dimensions: Iterable[str]) -> Lens:
        """The lens that has these dimensions too."""
        return Lens(tuple(sorted({*self.extra, *dimensions} - {CURRENCY, *BASE})))
