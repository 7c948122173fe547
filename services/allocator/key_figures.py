"""Key figures of a billing period, from its newest run: how much of the cost is allocated, how, by which rules, and how
much of it carries the tags that rules look at.

A run keeps what they are made from, because it sees every line; asking for them costs one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from services.allocator.domain.buckets import GRAIN, Buckets, sums_by
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.lines import Kind, Line
from services.allocator.domain.rule_set import RuleSet
from shared.events import AllocationRun
from shared.money import CONTEXT, ZERO, text, total

_KINDS = ("direct", "shared", "suspense")
_TAG = "tag:"


class LineSums(NamedTuple):
    """How many lines, and what they add up to."""

    lines: int = 0
    billed_cost: Decimal = ZERO
    effective_cost: Decimal = ZERO


_NO_LINES = LineSums()


class RuleSums:
    """Adds up a run's lines per currency, rule and kind."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, Kind], LineSums] = {}

    def add(self, line: Line) -> None:
        """Count one live line."""
        key = (line.flow.currency, line.flow.rule_id, line.kind)
        lines, billed, effective = self._sums.get(key, _NO_LINES)
        plus = CONTEXT.add
        self._sums[key] = LineSums(lines + 1, plus(billed, line.billed_cost), plus(effective, line.effective_cost))

    def of_kinds(self, currency: str, *kinds: Kind) -> LineSums:
        """The lines of some kinds, in one currency."""
        found = [sums for (one, _, kind), sums in self._sums.items() if one == currency and kind in kinds]
        return LineSums(
            sum(one.lines for one in found),
            total(one.billed_cost for one in found),
            total(one.effective_cost for one in found),
        )

    def figures(self, rule_ids: Sequence[str], before: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
        """What a run keeps.

        Args:
            rule_ids: the rules of its rule set, in order; one without a line has matched nothing.
            before: what the period's run before it kept. Cost that was in suspense then has been so since.
        """
        matched = {rule_id for _, rule_id, _ in self._sums}
        since = (before or {}).get("suspense_since", {})
        suspense = sorted({currency for currency, _, kind in self._sums if kind == "suspense"})
        return {
            "rules": len(rule_ids),
            "unmatched": [rule_id for rule_id in rule_ids if rule_id not in matched],
            "suspense_since": {currency: since.get(currency, now.isoformat()) for currency in suspense},
            "by_rule": [
                {
                    "rule_id": rule_id, "currency": currency, "kind": kind, "lines": lines,
                    "billed_cost": text(billed), "effective_cost": text(effective),
                }
                for (currency, rule_id, kind), (lines, billed, effective) in sorted(self._sums.items())
            ],
        }  # fmt: skip


def tag_sums(buckets: Buckets, rule_set: RuleSet) -> list[dict[str, str]]:
    """The cost, in the rule set's basis, that carries each tag that rules and pools look at, by currency.

    One pass adds up per combination of tag values, of which there are few, and the combinations are then looked at.
    """
    names = [name for name in dimensions_used(rule_set) if name.startswith(_TAG)]
    if not names:
        return []
    billed_basis = rule_set.basis == "BilledCost"
    sums: dict[tuple[str, str], Decimal] = {}
    for (currency, *tags), (_, billed, effective) in sums_by(buckets, (GRAIN[0], *names)).items():
        cost = billed if billed_basis else effective
        for name, value in zip(names, tags, strict=True):
            before = sums.get((name, currency or ""), ZERO)
            sums[name, currency or ""] = before if value is None else CONTEXT.add(before, cost)
    return [
        {"tag": name.removeprefix(_TAG), "currency": currency, "cost": text(cost)}
        for (name, currency), cost in sorted(sums.items())
    ]


def key_figures(run: AllocationRun, figures: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The key figures of a run as the API shows them, amounts in its basis.

    Percentages are of the cost that went in, rounded half-even to two digits; null where there is none.
    """
    matched = figures["rules"] - len(figures["unmatched"])
    return {
        "billing_period": run.billing_period, "run_id": run.run_id, "kind": run.kind, "basis": run.basis,
        "rule_set": run.rule_set, "rule_set_version": run.rule_set_version,
        "currencies": list(_currencies(run, figures, now)),
        "rules": figures["rules"], "rules_matched": matched, "rules_unmatched": figures["unmatched"],
        "rule_coverage_percent": _percent(Decimal(matched), Decimal(figures["rules"])),
        "by_rule": figures["by_rule"],
    }  # fmt: skip


def _currencies(run: AllocationRun, figures: Mapping[str, Any], now: datetime) -> Iterator[dict[str, Any]]:
    billed = run.basis == "BilledCost"
    amount = "billed_cost" if billed else "effective_cost"
    for one in run.totals:
        cost = one.cost_billed if billed else one.cost_effective
        mine = [row for row in figures["by_rule"] if row["currency"] == one.currency]
        carried = [row for row in figures.get("by_tag", ()) if row["currency"] == one.currency]
        sums = {kind: total(Decimal(row[amount]) for row in mine if row["kind"] == kind) for kind in _KINDS}
        since = figures["suspense_since"].get(one.currency)
        yield {
            "currency": one.currency, "cost": text(cost), **{kind: text(sum_) for kind, sum_ in sums.items()},
            "allocated_percent": _percent(CONTEXT.add(sums["direct"], sums["shared"]), cost),
            **{f"{kind}_percent": _percent(sum_, cost) for kind, sum_ in sums.items()},
            "suspense_since": since,
            "suspense_days": None if since is None else (now - datetime.fromisoformat(since)).days,
            "tags": [
                {"tag": row["tag"], "cost": row["cost"], "percent": _percent(Decimal(row["cost"]), cost)}
                for row in carried
            ],
        }  # fmt: skip


def _percent(part: Decimal, whole: Decimal) -> str | None:
    if not whole:
        return None
    return format(Decimal(round(Fraction(part) / Fraction(whole) * 10_000)).scaleb(-2, CONTEXT), "f")
