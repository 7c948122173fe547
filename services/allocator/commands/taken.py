"""What each rule takes of a month's costs, and which other rule would have it: for `rules check --archive`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.allocator.archived_costs import archived_buckets
from services.allocator.domain.assign import contest
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.rule_set import FALLBACK_RULE
from services.allocator.loading import LoadedRuleSet
from shared.money import CONTEXT, ZERO, readable, text
from shared.terminal import figures, out
from shared.terminal import table as new_table


def taken_of(archive: Path, billing_period: str, loaded: LoadedRuleSet) -> list[dict[str, Any]]:
    """By rule in their order, `fallback` last: charges and cost, in the rule set's basis, by currency. Blocking.

    `otherwise` names the next rule that would give the charges to another target, null where none would. A rule that
    took nothing is there with no charges and no currency.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive does not have the month.
    """
    rules, billed = loaded.rule_set, loaded.rule_set.basis == "BilledCost"
    buckets = archived_buckets(archive, billing_period, rule_dimensions(rules))
    decide = contest(rules, loaded.cost_centers, buckets.dimensions)
    sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for values, billed_cost, effective_cost, charges in buckets.rows:
        first, other = decide(values)
        key = (first.rule_id, values[0] or "", other.rule_id if other else "")
        count, cost = sums.get(key, (0, ZERO))
        sums[key] = count + charges, CONTEXT.add(cost, billed_cost if billed else effective_cost)
    for name in {rule.id for rule in rules.rules} - {name for name, _, _ in sums}:
        sums[name, "", ""] = 0, ZERO
    order = {name: n for n, name in enumerate(dict.fromkeys([*(rule.id for rule in rules.rules), FALLBACK_RULE]))}
    return [
        {"rule": name, "currency": currency or None, "otherwise": other or None, "charges": charges, "cost": text(cost)}
        for (name, currency, other), (charges, cost) in sorted(
            sums.items(), key=lambda one: (order[one[0][0]], one[0][1:])
        )
    ]


def print_taken(taken: Sequence[dict[str, Any]]) -> None:
    """Print what each rule takes as a table."""
    table = new_table("rule", *figures("charges", "cost"), "", "a later rule would give it to others")
    for one in taken:
        currency = one["currency"] or ""
        cost = readable(one["cost"], currency) if currency else ""
        table.add_row(one["rule"], str(one["charges"] or "none"), cost, currency, one["otherwise"] or "")
    out.print(table)
