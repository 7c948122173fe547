"""A second snapshot of the same month, as clouds deliver it: a known part of the rows changed, vanished, or new."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from synthetic.charges import Metered

_STRIDE: Final = 61
"""Coprime to 100, so that the rows hit are spread over all resources and days."""


@dataclass(slots=True)
class Restatement:
    """Restates `percent` of the metered usage rows: half of them change, a quarter vanishes, a quarter gets company."""

    percent: int
    seen: int = 0
    changed: int = 0
    vanished: int = 0
    added: int = 0

    def apply(self, charges: Metered) -> Metered:
        """The same charges as the second snapshot has them, counting what differs."""
        if not charges.restatable:
            return charges
        first, self.seen = self.seen, self.seen + charges.rows
        hits = [at for at in range(charges.rows) if (first + at) * _STRIDE % 100 < self.percent]
        return self._restated(charges, hits) if hits else charges

    def _restated(self, charges: Metered, hits: list[int]) -> Metered:
        days, quantities = list(charges.days), list(charges.quantities)
        for at in reversed(hits):
            turn = (self.changed + self.vanished + self.added) % 4
            if turn == 1:
                self.vanished += 1
                del days[at], quantities[at]
            elif turn == 3:
                self.added += 1
                days.append(days[at])
                quantities.append(_revised(charges.quantities[at]) * 3)
            else:
                self.changed += 1
                quantities[at] = _revised(quantities[at])
        return replace(charges, days=days, quantities=quantities)

    def written(self, other_changed: int) -> dict[str, int]:
        """As JSON; `other_changed` rows (taxes, support) follow from the restated ones."""
        changed = self.changed + other_changed
        return {
            "changed": changed,
            "vanished": self.vanished,
            "added": self.added,
            "charges": changed + self.added,
            "retractions": changed + self.vanished,
        }


def _revised(quantity: int) -> int:
    """Another quantity than before, of the same sign."""
    return quantity + quantity // 16 + 1
