"""The proof that a run neither lost nor made a fraction of a cent: out = in, per basis and currency.

It adds the lines up again and compares them, for each provider invoice, with the buckets themselves, and for each rule
and pool with what that was given. As every cost belongs to one invoice of one currency, the totals agree as well.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal

from services.allocator.domain.buckets import GRAIN, Buckets, sums_by
from services.allocator.domain.lines import Line
from shared.money import CONTEXT, ZERO

Amounts = tuple[Decimal, Decimal]
Key = tuple[Hashable, ...]

_NOTHING: Amounts = (ZERO, ZERO)


class ConservationBroken(ArithmeticError):
    """A run's lines do not add up to its costs. Nothing of the run may be published."""

    def __init__(self, what: str, cost_in: Amounts, cost_out: Amounts) -> None:
        self.what, self.cost_in, self.cost_out = what, cost_in, cost_out
        super().__init__(
            f"{what}: in {cost_in[0]} billed, {cost_in[1]} effective; out {cost_out[0]} billed, {cost_out[1]} "
            "effective. This is a fault of the program, and nothing was published: please report it with the rule set"
        )


class Tally:
    """Sums of both bases per key."""

    def __init__(self) -> None:
        self.sums: dict[Key, Amounts] = {}

    def add(self, key: Key, billed_cost: Decimal, effective_cost: Decimal) -> None:
        """Add an amount under a key."""
        billed, effective = self.sums.get(key, _NOTHING)
        self.sums[key] = (CONTEXT.add(billed, billed_cost), CONTEXT.add(effective, effective_cost))


def check_conservation(buckets: Buckets, given: Tally, lines: Iterable[Line]) -> None:
    """Compare what went in with what the lines say.

    Args:
        given: what each rule and each pool was given, by ("rule" or "pool", currency, id).

    Raises:
        ConservationBroken: naming the first sum that differs.
    """
    ways = Tally()
    for line in lines:
        flow = line.flow
        ways.add((flow.currency, flow.rule_id, flow.path, *flow.origin[:2]), line.billed_cost, line.effective_cost)
    check_equal({**costs_by_invoice(buckets).sums, **given.sums}, _by_what(ways).sums)


def check_equal(cost_in: Mapping[Key, Amounts], cost_out: Mapping[Key, Amounts]) -> None:
    """Compare sums key by key; a missing one is nothing.

    Raises:
        ConservationBroken: naming the first sum that differs.
    """
    for key in sorted(cost_in.keys() | cost_out.keys(), key=repr):
        if cost_in.get(key, _NOTHING) != cost_out.get(key, _NOTHING):
            name = " ".join(str(part) for part in key)
            raise ConservationBroken(name, cost_in.get(key, _NOTHING), cost_out.get(key, _NOTHING))


def _by_what(ways: Tally) -> Tally:
    """Spread the few sums per way over the invoice, the rule and every pool they count for."""
    out = Tally()
    for (currency, rule_id, path, issuer, invoice_id), amounts in ways.sums.items():
        out.add(("invoice", currency, issuer, invoice_id), *amounts)
        out.add(("rule", currency, rule_id), *amounts)
        for pool in path:  # type: ignore[attr-defined]
            out.add(("pool", currency, pool), *amounts)
    return out


def costs_by_invoice(buckets: Buckets) -> Tally:
    """What the buckets hold of each provider invoice, by ("invoice", currency, issuer, invoice id)."""
    costs = Tally()
    for invoice, (_, billed_cost, effective_cost) in sums_by(buckets, GRAIN[:3]).items():
        costs.add(("invoice", *invoice), billed_cost, effective_cost)
    return costs
