"""The one splitting function of the whole system: largest remainder on integers.

Every share of a pool and every rounding of an invoice goes through `largest_remainder`. Its promises, each a property
test: the parts add up to the whole; the result does not depend on the order of the input; a credit is the mirror image
of the charge; a part moves by less than one unit from its exact quota; a zero quota gets nothing.

Method: Hamilton's apportionment, M. Balinski and H. P. Young, *Fair Representation* (1982), chapter 2. Its known quirk,
the Alabama paradox (one more participant can cost another one a unit), is accepted: the unit is 1e-18 or a cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from shared.money import CONTEXT, SCALE, from_units, to_units


class AllWeightsZero(ValueError):
    """Nothing to split by: the rule's policy has to say what happens instead."""

    def __init__(self) -> None:
        super().__init__("all weights are zero")


class NegativeWeight(ValueError):
    """A negative weight has no meaning as a share."""

    def __init__(self, key: str, weight: Decimal) -> None:
        self.key, self.weight = key, weight
        super().__init__(f"weight of {key!r} is negative: {weight}")


class WholeOutOfReach(ValueError):
    """The whole is a unit or more away from what the quotas add up to, so no rounding of them can reach it."""

    def __init__(self, whole: int, quotas: int) -> None:
        self.whole, self.quotas = whole, quotas
        super().__init__(f"parts that add up to {quotas} units (rounded down) can't be rounded to {whole}")


def largest_remainder(whole: int, numerators: Sequence[int], denominator: int, keys: Sequence[str]) -> list[int]:
    """Round the quotas `numerators[i] / denominator` to integers that add up to `whole`.

    Floor every quota, then give one unit each to the largest remainders; ties go to the smaller key.

    Args:
        whole: what the parts must add up to, in units.
        numerators: the exact quotas times the denominator, any sign, one per key.
        denominator: positive.
        keys: stable business keys, unique; they alone break ties.

    Raises:
        WholeOutOfReach: if `whole` is not reachable by moving each quota by less than one unit.
    """
    if _mirrored(numerators, keys):
        return [-part for part in largest_remainder(-whole, [-n for n in numerators], denominator, keys)]
    parts, remainders = [], []
    for numerator in numerators:
        floor, remainder = divmod(numerator, denominator)
        parts.append(floor)
        remainders.append(remainder)
    left = whole - sum(parts)
    candidates = [i for i, remainder in enumerate(remainders) if remainder]
    if not 0 <= left <= len(candidates):
        raise WholeOutOfReach(whole, sum(parts))
    candidates.sort(key=lambda i: (-remainders[i], keys[i]))
    for i in candidates[:left]:
        parts[i] += 1
    return parts


def split(amount: Decimal, weights: Sequence[Decimal], keys: Sequence[str]) -> list[Decimal]:
    """Split an amount in proportion to the weights, exact to 1e-18, parts in the order of the keys given.

    Raises:
        NegativeWeight: if a weight is below zero.
        AllWeightsZero: if there is nothing to split by.
    """
    integers = _as_integers(weights, keys)
    denominator = sum(integers)
    if not denominator:
        raise AllWeightsZero
    units = to_units(amount)
    parts = largest_remainder(units, [units * weight for weight in integers], denominator, keys)
    return [from_units(part) for part in parts]


def round_parts(whole: Decimal, parts: Sequence[Decimal], keys: Sequence[str], scale: int) -> list[Decimal]:
    """Round exact parts to `scale` fractional digits so that they add up to an already rounded whole.

    Raises:
        WholeOutOfReach: if the whole is a unit or more away from the sum of the parts.
        Inexact: if the whole is finer than `scale`.
    """
    rounded = largest_remainder(to_units(whole, scale), [to_units(part) for part in parts], 10 ** (SCALE - scale), keys)
    return [from_units(part, scale) for part in rounded]


def _as_integers(weights: Sequence[Decimal], keys: Sequence[str]) -> list[int]:
    for weight, key in zip(weights, keys, strict=True):
        if weight < 0:
            raise NegativeWeight(key, weight)
    finest = max((-int(weight.as_tuple().exponent) for weight in weights), default=0)
    return [int(weight.scaleb(max(finest, 0), CONTEXT)) for weight in weights]


def _mirrored(numerators: Sequence[int], keys: Sequence[str]) -> bool:
    """Whether to compute on the mirror image, so that negating the input negates the output.

    The sign of the sum decides; when the sum is zero, the sign of the first part by key does.
    """
    balance = sum(numerators)
    if balance:
        return balance < 0
    first = min(((key, numerator) for key, numerator in zip(keys, numerators, strict=True) if numerator), default=None)
    return first is not None and first[1] < 0
