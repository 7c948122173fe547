"""A division: who takes which part of a pool, as exact weights, and the splitting of amounts by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

from services.allocator.domain.lines import Share
from services.allocator.domain.rule_set import Target
from shared.apportion import largest_remainder
from shared.money import CONTEXT, DIGITS_MAX, SCALE, ZERO, from_units, to_units

_FINEST = 10**SCALE
_LONGEST = 10**DIGITS_MAX


class Part(NamedTuple):
    """One taker of a division. `leg` tells parts of one target apart that are different things: a spill, a variance."""

    target: Target
    weight: Fraction
    leg: str = ""


@dataclass(frozen=True, slots=True)
class Division:
    """Parts by weight; weights may have any sign, but do not add up to zero.

    `method` is what the lines say. `to_the_unit` asks that each target's total over all that is split comes out as the
    weight itself says, which are then amounts: 500.00 is 500.00, however many charges it is made of.
    """

    method: str | None
    parts: tuple[Part, ...]
    to_the_unit: bool = False

    @classmethod
    def of(cls, method: str | None, parts: Iterable[Part], *, to_the_unit: bool = False) -> Division:
        """Join parts of the same target and leg, leave out those of weight zero, and sort."""
        joined: dict[tuple[Target, str], Fraction] = {}
        for target, weight, leg in parts:
            before = joined.get((target, leg))
            joined[target, leg] = weight if before is None else before + weight
        kept = sorted(Part(target, weight, leg) for (target, leg), weight in joined.items() if weight)
        return cls(method, tuple(kept), to_the_unit)

    @property
    def whole(self) -> Fraction:
        """What the weights add up to."""
        denominator = self._denominator()
        return Fraction(sum(_times(part.weight, denominator) for part in self.parts), denominator)

    def scaled(self, whole: Fraction) -> list[Part]:
        """The parts with weights that add up to something else."""
        factor = whole / self.whole
        return [part._replace(weight=part.weight * factor) for part in self.parts]

    def weights(self) -> tuple[list[int], int]:
        """The smallest integers in the proportion of the weights, and what they add up to, which is positive."""
        denominator = self._denominator()
        integers = [_times(part.weight, denominator) for part in self.parts]
        divisor = gcd(*integers) * (1 if sum(integers) > 0 else -1)
        integers = [n // divisor for n in integers]
        return integers, sum(integers)

    def shares(self) -> list[Share | None]:
        """The weight of each part and what they add up to, as lines say it; None without a method.

        Weights that no decimal can say (a third) are all multiplied to integers; if those are very long (simultaneous
        equations), the share is told as a ratio rounded to 18 decimals. What is split is exact in any case.
        """
        if self.method is None:
            return [None] * len(self.parts)
        if _FINEST % self._denominator() == 0:
            whole = _decimal(self.whole)
            return [Share(_decimal(part.weight), whole) for part in self.parts]
        integers, denominator = self.weights()
        if denominator >= _LONGEST:
            return [Share(from_units(round(Fraction(n * _FINEST, denominator))), Decimal(1)) for n in integers]
        return [Share(Decimal(n), Decimal(denominator)) for n in integers]

    def _denominator(self) -> int:
        return lcm(*(part.weight.denominator for part in self.parts))

    def split_all(self, amounts: Sequence[Decimal], *, basis: bool) -> list[list[Decimal]]:
        """Split amounts: for each a list with what every part gets.

        Args:
            basis: whether the amounts are those that weights to the unit are about.
        """
        integers, denominator = self.weights()
        keys = [key(part) for part in self.parts]

        def split(units: int) -> list[int]:
            return largest_remainder(units, [units * n for n in integers], denominator, keys)

        if not (self.to_the_unit and basis):
            nothing = [ZERO] * len(keys)
            return [[from_units(n) for n in split(to_units(one))] if one else nothing for one in amounts]
        return _split_so_that_totals_fit(split, amounts, len(keys))


def _split_so_that_totals_fit(
    split: Callable[[int], list[int]], amounts: Sequence[Decimal], parts: int
) -> list[list[Decimal]]:
    """Split the running total after each amount; what each step adds to a part is its part of the amount.

    So the last step makes every part's total exact. A single part may be two units of 1e-18 away from its quota.
    """
    rows, running, before = [], 0, [0] * parts
    for amount in amounts:
        running += to_units(amount)
        now = split(running)
        rows.append([from_units(new - old) for new, old in zip(now, before, strict=True)])
        before = now
    return rows


def key(part: Part) -> str:
    """The stable business key that breaks ties between the parts of a division."""
    return f"{part.target.kind}:{part.target.id}:{part.leg}" if part.leg else f"{part.target.kind}:{part.target.id}"


def even(targets: Sequence[Target]) -> list[Part]:
    """The same for everyone."""
    return [Part(target, Fraction(1)) for target in targets]


def _times(weight: Fraction, denominator: int) -> int:
    return weight.numerator * (denominator // weight.denominator)


def _decimal(number: Fraction) -> Decimal:
    return CONTEXT.divide(Decimal(number.numerator), Decimal(number.denominator))
