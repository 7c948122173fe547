"""A line walked back: through each pool to the rule that took the cost, with every ratio and who else got what.

It needs only the lines of the month: they add up to what each pool and rule was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from shared.events import Allocation
from shared.money import CONTEXT, ZERO, text

DETAIL: Final = frozenset({"service_name", "sub_account_id"})
"""What a pool that does not keep the detail drops of an origin."""

_TAKERS: Final = 20
_RATIO: Final = Decimal("1e-18")


class Sums(NamedTuple):
    """Cost in both bases."""

    billed_cost: Decimal
    effective_cost: Decimal

    def as_json(self) -> dict[str, str]:
        """As documents have it."""
        return {"billed_cost": text(self.billed_cost), "effective_cost": text(self.effective_cost)}


def total(lines: Iterable[Allocation]) -> Sums:
    """What lines of one currency add up to."""
    billed = effective = ZERO
    for line in lines:
        billed, effective = CONTEXT.add(billed, line.billed_cost), CONTEXT.add(effective, line.effective_cost)
    return Sums(billed, effective)


def explain(line: Allocation, lines: Sequence[Allocation]) -> dict[str, Any]:
    """Explain a line; `lines` are all live ones of its month.

    The document: the line; `given`, what the rule took of the line's origin in all; and a step for each pool on the
    way with what it held, its share, and who else got a part of this origin. `given` and `held_of_origin` are null
    where a pool that does not keep the detail is beside the way: then only the archive's rows can tell.
    """
    return {
        "line": msgspec.to_builtins(line, builtin_types=(Decimal,)) | amounts_of(line),
        "rule": {"id": line.rule_id, "rule_set": line.rule_set, "version": line.rule_set_version},
        "given": None if _detail_lost(line, lines, 0) else total(_given(line, lines)).as_json(),
        "share": _share(line.weight, line.weight_total),
        "steps": [_step(line, number, lines) for number in range(len(line.path))],
    }


def _given(line: Allocation, lines: Iterable[Allocation]) -> list[Allocation]:
    """The lines of all that the rule gave, of the same origin, to where this line's way begins."""
    if not line.path and line.weight is None:
        return [line]
    return [
        one for one in lines
        if (one.rule_id, one.currency, one.path[:1]) == (line.rule_id, line.currency, line.path[:1])
        and same_origin(one, line, 0)
    ]  # fmt: skip


def _detail_lost(line: Allocation, lines: Iterable[Allocation], pools: int) -> bool:
    """Whether other parts of the line's charges, after so many pools, went on through one that dropped their detail."""
    way = line.path[: max(pools, 1)]
    if not way or detail_dropped_at(line) is not None:
        return False
    same_way = (line.rule_id, line.currency, way)
    return any(
        detail_dropped_at(one) is not None
        for one in lines
        if (one.rule_id, one.currency, one.path[: len(way)]) == same_way
    )


def _step(line: Allocation, number: int, lines: Sequence[Allocation]) -> dict[str, Any]:
    pool, way = line.path[number], line.path[: number + 1]
    last = number == len(line.path) - 1
    through = [one for one in lines if pool in one.path and one.currency == line.currency]
    of_origin = [
        one for one in through
        if one.rule_id == line.rule_id and one.path[: number + 1] == way and same_origin(one, line, number)
    ]  # fmt: skip
    # Lines that an earlier version of the program wrote have no trace.
    at = line if last else line.trace[number] if number < len(line.trace) else None
    return {
        "pool": pool,
        "method": at.method if at else None,
        "leg": line.leg if last else None,
        "to": line.cost_center if last else f"pool:{line.path[number + 1]}",
        "share": _share(at.weight, at.weight_total) if at else None,
        "partition": line.partition,
        "held": total(through).as_json(),
        "held_of_origin": None if _detail_lost(line, lines, number + 1) else total(of_origin).as_json(),
        "takers": _takers(of_origin, number),
    }


def detail_dropped_at(line: Allocation) -> int | None:
    """Which pool on the way, by its number, put itself in the place of service and account; None if none did."""
    pools = [f"pool:{pool}" for pool in line.path]
    return pools.index(line.origin.service_name) if line.origin.service_name in pools else None


def same_origin(one: Allocation, line: Allocation, number: int) -> bool:
    """Whether another line comes from the same charges, as far as its pool `number` on the way can tell.

    A pool that does not keep the detail puts its name in the place of the service: lines that left the way before it
    still have the detail, so service and account are not looked at up to there.
    """
    if any(one.partition.get(name, value) != value for name, value in line.partition.items()):
        return False
    dropped_at = detail_dropped_at(line)
    if dropped_at is None or number >= dropped_at:
        return one.origin == line.origin
    return all(
        getattr(one.origin, name) == getattr(line.origin, name)
        for name in line.origin.__struct_fields__
        if name not in DETAIL
    )


def _takers(lines: Iterable[Allocation], number: int) -> list[dict[str, str]]:
    """Who got how much at a step, the largest parts first; what went on to another pool is one taker."""
    found: dict[str, list[Allocation]] = {}
    for one in lines:
        on = len(one.path) > number + 1
        found.setdefault(f"pool:{one.path[number + 1]}" if on else one.cost_center, []).append(one)
    sums = [(name, total(parts)) for name, parts in found.items()]
    sums.sort(key=lambda one: (one[1].effective_cost.copy_abs().copy_negate(), one[0]))
    return [{"to": name} | amounts.as_json() for name, amounts in sums[:_TAKERS]]


def _share(weight: Decimal | None, whole: Decimal | None) -> dict[str, str] | None:
    """A share as its weights and, rounded half even to 18 digits, as a ratio."""
    if weight is None or not whole:
        return None
    ratio = (weight / whole).quantize(_RATIO)
    return {"weight": text(weight), "weight_total": text(whole), "ratio": text(ratio)}


def amounts_of(line: Allocation) -> dict[str, str]:
    """A line's amounts as documents have them."""
    return Sums(line.billed_cost, line.effective_cost).as_json()


def summarise(cost_center: str, lines: Iterable[Allocation], basis: str) -> list[dict[str, Any]]:
    """What a cost center pays a month for, by currency: its direct cost by rule and service, its share of each pool.

    Every entry has the id of its largest line, to go on from.
    """
    billed = basis == "BilledCost"
    found: dict[tuple[str, str, str, str], list[Allocation]] = {}
    for line in lines:
        if line.cost_center == cost_center:
            what = " > ".join(line.path) or line.origin.service_name
            found.setdefault((line.currency, line.kind, line.rule_id, what), []).append(line)
    entries: list[dict[str, Any]] = []
    for (currency, kind, rule_id, what), parts in found.items():
        largest = max(parts, key=lambda one: (_amount(one, billed=billed).copy_abs(), one.allocation_id))
        amount = total(parts).billed_cost if billed else total(parts).effective_cost
        entries.append(
            {
                "currency": currency, "kind": kind, "rule_id": rule_id, "what": what, "lines": len(parts),
                "method": largest.method, "share": _share(largest.weight, largest.weight_total),
                "amount": text(amount), "largest_line": largest.allocation_id,
            }
        )  # fmt: skip
    entries.sort(key=lambda one: (one["currency"], Decimal(one["amount"]).copy_abs().copy_negate(), one["what"]))
    return entries


def _amount(line: Allocation, *, billed: bool) -> Decimal:
    return line.billed_cost if billed else line.effective_cost
