"""What a closed period's lines would be now, against what was allocated before: a pure function.

Differences are taken line by line, so what was invoiced stays as it is, and final run plus all adjustments is at any
time what one run over everything would say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import itemgetter

from services.allocator.domain.buckets import Buckets
from services.allocator.domain.conservation import Amounts, Key, Tally, check_equal, costs_by_invoice
from services.allocator.domain.lines import Line
from shared.money import CONTEXT, ZERO


def adjustment_id(allocation_id: str, number: int) -> str:
    """Derive the id of an adjusting line from the line it adds to and the adjustment's number: 32 hex digits."""
    return hashlib.sha256(f"{allocation_id}/{number}".encode()).hexdigest()[:32]


def adjust(buckets: Buckets, now: Sequence[Line], before: Iterable[Line]) -> list[Line]:
    """Return what has to be added to earlier lines, sorted by their ids; lines that stay as they are left out.

    Args:
        buckets: all of the period's cost.
        now: the lines that the buckets are allocated to.
        before: those of the final run and of every adjustment, the latter under the id of the line they add to.

    Raises:
        ConservationBroken: if the differences of an invoice are not what its cost has grown by.
    """
    current = {line.allocation_id: line for line in now}
    sums: dict[str, Amounts] = {}
    late, minus = costs_by_invoice(buckets), CONTEXT.minus
    for line in before:
        late.add(_invoice(line), minus(line.billed_cost), minus(line.effective_cost))
        billed, effective = sums.get(line.allocation_id, (ZERO, ZERO))
        sums[line.allocation_id] = CONTEXT.add(billed, line.billed_cost), CONTEXT.add(effective, line.effective_cost)
        if line.allocation_id not in current:
            current[line.allocation_id] = _gone(line)
    found = [_less(line, sums.get(key, (ZERO, ZERO))) for key, line in current.items()]
    found = [line for line in found if line.billed_cost or line.effective_cost]
    out = Tally()
    for line in found:
        out.add(_invoice(line), line.billed_cost, line.effective_cost)
    check_equal(late.sums, out.sums)
    found.sort(key=itemgetter(0))
    return found


def _invoice(line: Line) -> Key:
    return ("invoice", line.flow.currency, *line.flow.origin[:2])


def _less(line: Line, amounts: Amounts) -> Line:
    billed, effective = amounts
    return line._replace(
        billed_cost=CONTEXT.subtract(line.billed_cost, billed),
        effective_cost=CONTEXT.subtract(line.effective_cost, effective),
    )


def _gone(line: Line) -> Line:
    """A line that nothing is left of: it has no share any more."""
    steps = tuple(step._replace(share=None) for step in line.flow.steps)
    return line._replace(flow=replace(line.flow, steps=steps), billed_cost=ZERO, effective_cost=ZERO, share=None)
