"""Policies of a pool: what happens to zero and credits, caps, partitions, and detail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.allocator.domain.pool import (
    AsCharged,
    ByDrivers,
    Cap,
    FixedAmount,
    FloorPlusVariable,
    Method,
    Pool,
    Proportional,
    UsageRate,
    WhenNegative,
    WhenZero,
)
from services.allocator.domain.rule_set import CHARGE_DAY, CHARGE_MONTH
from services.allocator.loading.conditions import read_dimension
from services.allocator.loading.pools.targets import read_weights
from services.allocator.loading.pools.words import read_currency, read_word
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Reader, Sequence, Text
from shared.focus.naming import column_problem

KEYS: Final = ("when_zero", "when_negative", "partition_by", "cap", "detail")
REFUNDED: Final = (
    "InvoiceIssuerName", "ServiceProviderName", "ServiceName", "BillingAccountId", "SubAccountId", "ChargeCategory"
)  # fmt: skip
"""What a refund has in common with its charges, of what allocation lines say of them."""

_CAP: Final = "write cap: {amounts: {CC-100: 1000}, currency: USD, spill: CC-900}"
_PARTITION: Final = "write partition_by: [InvoiceId, {tag: cluster}, charge_day]"
_ZERO: Final = "choose even, suspense, fail, or name a cost center or pool:x"
_ZERO_CHARGED: Final = "write otherwise: {method: even, targets: all}, or when_zero: suspense"
_NEGATIVE: Final = "choose mirror, suspense, fail, or name a cost center or pool:x"


def read_pool(name: str, method: Method, reader: Reader, known: Known) -> Pool:
    """A pool of a method with its policies, those without a meaning refused."""
    months = (CHARGE_MONTH,) if isinstance(method, AsCharged) else ()
    pool = Pool(
        name, method, months + _partition_by(reader), _when_zero(reader, known), _when_negative(reader, known),
        _cap(reader, known), read_word(reader, "detail", ("keep", "collapse"), "keep") == "keep",
    )  # fmt: skip
    _refuse_policies_without_meaning(pool, reader)
    _refuse_amounts_of_parts(pool, reader)
    _check_charges(pool, reader)
    return pool


def methods_in(method: Method) -> Iterator[Method]:
    """A method and all that it is made of."""
    yield method
    match method:
        case FixedAmount(rest=rest):
            yield from methods_in(rest)
        case FloorPlusVariable(floor=floor, variable=variable):
            yield from methods_in(floor)
            yield from methods_in(variable)
        case AsCharged(otherwise=otherwise) if otherwise:
            yield from methods_in(otherwise)


def _when_zero(reader: Reader, known: Known) -> WhenZero:
    text = reader.text("when_zero", _ZERO, "fail")
    match text:
        case "even" | "fail":
            return text
    return known.place(text or "", reader.line("when_zero"), reader.problems, _ZERO) or "fail"


def _when_negative(reader: Reader, known: Known) -> WhenNegative:
    text = reader.text("when_negative", _NEGATIVE, "mirror")
    match text:
        case "mirror" | "fail":
            return text
    return known.place(text or "", reader.line("when_negative"), reader.problems, _NEGATIVE) or "mirror"


def _cap(reader: Reader, known: Known) -> Cap | None:
    cap = reader.mapping("cap", _CAP)
    if cap is None:
        return None
    cap.allow("amounts", "currency", "spill")
    amounts, currency = read_weights(cap, "amounts", known, "amount", _CAP), read_currency(cap)
    name = cap.text("spill", _CAP)
    spill = known.place(name, cap.line("spill"), cap.problems) if name else None
    if spill and spill in dict(amounts):
        cap.problems.add(cap.line("spill"), f"{name} is capped itself", "spill to somebody without a cap")
    return Cap(amounts, currency, spill) if spill else None


def _partition_by(reader: Reader) -> tuple[str, ...]:
    node = reader.node.items.get("partition_by")
    if node is None:
        return ()
    if not isinstance(node, Sequence) or not node.items:
        reader.problems.add(reader.line("partition_by"), "partition_by is not a list", _PARTITION)
        return ()
    names = [_dimension(item, reader) for item in node.items]
    if len(set(names)) < len(names):
        reader.problems.add(node.line, "partition_by names a dimension twice", "keep one of them")
    return tuple(dict.fromkeys(name for name in names if name))


def _dimension(item: object, reader: Reader) -> str | None:
    if isinstance(item, Mapping):
        inside = Reader(item, reader.problems)
        inside.allow("tag", "column")
        return read_dimension(inside)
    assert isinstance(item, Text | Sequence)
    if not isinstance(item, Text):
        reader.problems.add(item.line, "a dimension is not a name", _PARTITION)
        return None
    problem = None if item.text == CHARGE_DAY else column_problem(item.text)
    if problem:
        reader.problems.add(item.line, *problem)
    return None if problem else item.text


def _refuse_policies_without_meaning(pool: Pool, reader: Reader) -> None:
    kinds = {type(one) for one in methods_in(pool.method)}
    name = reader.text("method", "", "")
    if "when_zero" in reader.node.items and not kinds & {Proportional, ByDrivers, AsCharged}:
        advice = "remove it: its weights are written down"
        reader.problems.add(reader.line("when_zero"), f"when_zero has no meaning for {name}", advice)
    if "when_negative" in reader.node.items and pool.when_negative == "mirror" and UsageRate in kinds:
        message = f"when_negative: mirror has no meaning for {name}"
        reader.problems.add(reader.line("when_negative"), message, "remove it: rates are the same for a credit")


def _refuse_amounts_of_parts(pool: Pool, reader: Reader) -> None:
    """Amounts are said of the whole pool, and can't be split part by part."""
    if not pool.partition_by:
        return
    line, problems = reader.line("partition_by"), reader.problems
    kinds = {FixedAmount: "fixed_amount", UsageRate: "usage_rate"}
    for kind in sorted({kinds[type(one)] for one in methods_in(pool.method) if type(one) in kinds}):
        problems.add(line, f"{kind} says amounts of the whole pool, not of its parts", "remove partition_by")
    if pool.cap:
        problems.add(line, "a cap is an amount of the whole pool, not of its parts", "remove partition_by or the cap")


def _check_charges(pool: Pool, reader: Reader) -> None:
    """What tells the charges of a refund apart has to be on the lines of the earlier month, and the same there."""
    problems = reader.problems
    if any(isinstance(one, AsCharged) for one in methods_in(pool.method) if one is not pool.method):
        advice = "give that part a pool of its own, and feed it"
        problems.add(reader.node.line, "as_charged splits a whole pool, not a part of one", advice)
    if not isinstance(pool.method, AsCharged):
        return
    if len(pool.partition_by) == 1:
        advice = "write partition_by: [SubAccountId, ServiceName]"
        problems.add(reader.node.line, "as_charged does not say which charges a refund is of", advice)
    for name in sorted({*pool.partition_by} - {CHARGE_MONTH, *REFUNDED}):
        message = f"a refund does not share {name.removeprefix('tag:')} with the lines of its charges"
        problems.add(reader.line("partition_by"), message, f"use {', '.join(REFUNDED)}")
    if pool.when_zero == "even":
        problems.add(reader.line("when_zero"), "as_charged has no targets to split evenly over", _ZERO_CHARGED)
