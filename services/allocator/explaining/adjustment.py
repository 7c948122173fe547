"""A line of an adjustment, explained: what it adds to as it was before, and as it is after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from services.allocator.explaining.explanation import Sums, amounts_of, explain
from shared.events import AdjustmentRun, Allocation
from shared.money import CONTEXT, ZERO

_SAID = ("given", "share", "steps")


def explain_adjusting(
    line: Allocation, run: AdjustmentRun, final: Iterable[Allocation], adjusting: Iterable[Allocation]
) -> dict[str, Any]:
    """Explain a line of an adjustment.

    The document: the line and its rule; the `adjustment`, with the deliveries that brought cost, none if only drivers
    changed; `before` and `after`, which say of the line that it adds to what `explain` does, without and with this
    adjustment; and `given`, how much more the rule took of the line's origin, null where `explain` can't tell.

    Args:
        run: the adjustment.
        final: the lines of the month's close.
        adjusting: the lines of the month's adjustments, of later ones too.
    """
    earlier = [one for one in adjusting if (one.adjustment or 0) <= run.number]
    before = booked(final, (one for one in earlier if one.adjustment != run.number))
    after = booked(before.values(), (one for one in earlier if one.adjustment == run.number))
    key = str(line.adjusts)
    was, now = before.get(key) or _nothing(after[key]), after[key]
    said = [explain(one, _alive(all_lines)) for one, all_lines in ((was, before.values()), (now, after.values()))]
    return {
        "line": msgspec.to_builtins(line, builtin_types=(Decimal,)) | amounts_of(line),
        "rule": said[1]["rule"],
        "adjustment": {
            "number": run.number, "run_id": run.run_id, "close_id": run.close_id, "deliveries": run.deliveries,
        },
        "given": _change(said[0]["given"], said[1]["given"]),
        "before": {"line": amounts_of(was)} | {name: said[0][name] for name in _SAID},
        "after": {"line": amounts_of(now)} | {name: said[1][name] for name in _SAID},
    }  # fmt: skip


def booked(lines: Iterable[Allocation], adjusting: Iterable[Allocation]) -> dict[str, Allocation]:
    """Lines by id with all that adds to them; shares and what was measured are those of the last addition."""
    found = {line.allocation_id: line for line in lines}
    for one in sorted(adjusting, key=lambda one: one.adjustment or 0):
        key = str(one.adjusts)
        before = found.get(key)
        found[key] = msgspec.structs.replace(
            one, allocation_id=key, adjusts=None, adjustment=None,
            billed_cost=CONTEXT.add(one.billed_cost, before.billed_cost if before else ZERO),
            effective_cost=CONTEXT.add(one.effective_cost, before.effective_cost if before else ZERO),
        )  # fmt: skip
    return found


def _nothing(line: Allocation) -> Allocation:
    """A line before there was anything of it."""
    trace = [msgspec.structs.replace(step, weight=None, weight_total=None) for step in line.trace]
    return msgspec.structs.replace(
        line, billed_cost=ZERO, effective_cost=ZERO, weight=None, weight_total=None, trace=trace
    )


def _alive(lines: Iterable[Allocation]) -> Sequence[Allocation]:
    return [line for line in lines if line.billed_cost or line.effective_cost]


def _change(before: dict[str, str] | None, after: dict[str, str] | None) -> dict[str, str] | None:
    if before is None or after is None:
        return None
    less = (CONTEXT.subtract(Decimal(after[name]), Decimal(before[name])) for name in Sums._fields)
    return Sums(*less).as_json()
