"""When a delivery is held: kept as it is, with nothing published, until a person has looked at it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from services.intake.domain.delivery import Scope
from shared.money import CONTEXT, ZERO, add, text

_LIMIT: Final = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?)(?P<percent>%)?", re.ASCII)
_HUNDRED: Final = Decimal(100)


class HoldReason(NamedTuple):
    """Why a delivery is held: a stable code, and a sentence with the numbers and what to do."""

    code: str
    message: str


class NotALimit(ValueError):
    """A text that is no limit of rejections."""

    def __init__(self, value: str) -> None:
        self.value = value
        super().__init__(f"{value!r} is no limit of rejections; write a number of rows (10) or a share of them (0.5%)")


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """How many rows of a delivery may be rejected: a number, or a percentage of the rows read."""

    number: Decimal
    is_percent: bool

    @classmethod
    def parse(cls, value: str) -> RejectLimit:
        """Read `10` or `0.5%`.

        Raises:
            NotALimit: if it is neither a whole number nor a percentage up to 100.
        """
        match = _LIMIT.fullmatch(value.strip())
        if match is None:
            raise NotALimit(value)
        number, is_percent = Decimal(match["number"]), match["percent"] is not None
        if (number > _HUNDRED) if is_percent else (number != number.to_integral_value()):
            raise NotALimit(value)
        return cls(number, is_percent)

    def allows(self, rejected: int, rows: int) -> bool:
        """Whether so many rejected rows of all the rows read are within the limit."""
        if self.is_percent:
            return CONTEXT.multiply(Decimal(rejected), _HUNDRED) <= CONTEXT.multiply(self.number, Decimal(rows))
        return rejected <= self.number

    def __str__(self) -> str:
        return f"{text(self.number)} %" if self.is_percent else f"{text(self.number)} rows"


def checked_limit(value: str | None) -> str | None:
    """The text of a limit, if it can be read, or None where none is given.

    Raises:
        NotALimit: if it can't.
    """
    if value is not None:
        RejectLimit.parse(value)
    return value


class Size(NamedTuple):
    """How much there is of a billing period in one currency. Costs are sums of absolute amounts."""

    billing_period: str
    currency: str
    rows: int
    billed: Decimal
    effective: Decimal


class Claim(NamedTuple):
    """A payer in a billing period that a held delivery has rows of; None: its rejected rows don't tell which payer."""

    billing_account_id: str | None
    billing_period: str


def claims(scopes: Iterable[Scope], rejected: Iterable[tuple[str | None, str | None]]) -> list[Claim]:
    """What a delivery has rows of, accepted or rejected, as far as they tell.

    Rejected rows that tell only their period are of one of its payers that are known otherwise, if there is one.

    Args:
        rejected: payer and period of rejected rows, None where they don't tell.
    """
    told = {Claim(*scope) for scope in scopes}
    told |= {Claim(account, period) for account, period in rejected if account is not None and period is not None}
    periods = {claim.billing_period for claim in told}
    told |= {Claim(None, period) for _, period in rejected if period is not None and period not in periods}
    return sorted(told, key=lambda claim: (claim.billing_period, claim.billing_account_id or ""))


class Relation(StrEnum):
    """How a newer delivery of a source stands to an older one that is held."""

    REPLACES = "replaces"
    OVERLAPS = "overlaps"
    APART = "apart"


def relation(newer: AbstractSet[Scope], held: Collection[Claim]) -> Relation:
    """A newer delivery replaces a held one if it has all that this one has rows of; with only some it has to wait.

    One whose rows tell nothing is replaced by any that has rows: they may be among those.
    """
    if not newer:
        return Relation.APART
    common = sum(any(_covers(scope, claim) for scope in newer) for claim in held)
    if common == len(held):
        return Relation.REPLACES
    return Relation.OVERLAPS if common else Relation.APART


def _covers(scope: Scope, claim: Claim) -> bool:
    payers = {None, scope.billing_account_id}
    return scope.billing_period == claim.billing_period and claim.billing_account_id in payers


def too_many_rejected(limit: RejectLimit, rejected: int, rows: int) -> Iterator[HoldReason]:
    """The reason to hold a delivery for its rejected rows, if there is one."""
    if not limit.allows(rejected, rows):
        yield HoldReason(
            "too-many-rejected",
            f"{rejected:,} of {rows:,} rows are rejected, more than the limit of {limit}; mend the export and deliver "
            "it again, or release the delivery without these rows",
        )


def shrunk(before: Iterable[Size], after: Iterable[Size], share: Decimal) -> Iterator[HoldReason]:
    """Reasons to hold a delivery that has much less than what is in force for its payers and billing periods.

    What counts is what is left of the rows of a period and of the absolute cost of a currency in it; rows that only
    changed don't count as gone.

    Args:
        share: the share from 0 to 1 that may vanish.
    """
    former, left = _by_measure(before), _by_measure(after)
    for key in sorted(former, key=lambda key: key[0]):
        old, new = former[key], left.get(key, ZERO)
        gone = CONTEXT.subtract(old, new)
        if gone > CONTEXT.multiply(old, share):
            period, measure = key
            yield HoldReason(
                "shrunk",
                f"{period} has {text(new)} {measure} where {text(old)} are in force: {_percent(gone, old)} % vanish, "
                f"more than the {text(CONTEXT.multiply(share, _HUNDRED))} % that may; "
                "release the delivery if the provider really took them back, cancel it if the export is incomplete",
            )


def withdrawal(before: Iterable[Size], by: str) -> HoldReason:
    """The reason to hold a withdrawal, which no limit lets through: nobody takes money back alone.

    Args:
        before: what it takes back.
        by: who asks for it.
    """
    told = "; ".join(
        f"{one.billing_period}: {one.rows:,} rows with {text(one.billed)} {one.currency} of absolute BilledCost"
        for one in sorted(before)
    )
    return HoldReason(
        "withdrawal",
        f"{by} asks to take back all that is in force ({told or 'rejected rows alone'}); another person releases it, "
        "or anybody cancels it",
    )


def behind(held: Iterable[str]) -> Iterator[HoldReason]:
    """The reason to hold a delivery that has some payers and periods of older held ones, but not all of them."""
    names = sorted(held)
    if names:
        yield HoldReason(
            "behind-held",
            f"it shares payers and periods with {', '.join(names)}, which came before it and is held; "
            "it goes on by itself once that one is released or cancelled",
        )


def _by_measure(sizes: Iterable[Size]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for one in sizes:
        measures = {"rows": Decimal(one.rows), f"{one.currency} of absolute BilledCost": one.billed}
        measures[f"{one.currency} of absolute EffectiveCost"] = one.effective
        for measure, amount in measures.items():
            sums[one.billing_period, measure] = add(sums[one.billing_period, measure], amount)
    return sums


def _percent(part: Decimal, whole: Decimal) -> int:
    return int(CONTEXT.divide_int(CONTEXT.multiply(part, _HUNDRED), whole))
