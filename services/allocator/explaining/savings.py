"""What commitments saved, and for whom: shown beside the allocation, which gives everyone the effective cost.

Savings of a covered charge are what it would have cost at contracted prices less its effective cost (FOCUS
ContractedCost and EffectiveCost of usage with a CommitmentDiscountId). Unused commitment is the effective cost of
charges whose CommitmentDiscountStatus is Unused; it is a loss of those whom the rules give it to.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from services.allocator.archived_costs import archived_rows, expression
from services.allocator.domain.assign import Decision, assigner
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.lines import SUSPENSE_COST_CENTER
from services.allocator.domain.rule_set import Divided, Target
from services.allocator.loading import LoadedRuleSet
from shared.money import CONTEXT, ZERO, text

_COMMITMENT: Final = ("BillingCurrency", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus")


def savings(archive: Path, billing_period: str, loaded: LoadedRuleSet) -> list[dict[str, Any]]:
    """Savings by currency, commitment and who the charges were assigned to: a cost center, or `pool:` and a pool.

    Each entry has what covered charges would have cost (`contracted_cost`), their `effective_cost`, the `savings`, and
    the `unused_cost`. Sorted by savings, the largest first in each currency. Blocking.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive does not have the month.
    """
    used = rule_dimensions(loaded.rule_set)
    assign = assigner(loaded.rule_set, loaded.cost_centers, used)
    sums: dict[tuple[str, str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    with archived_rows(archive, billing_period) as (connection, source):
        for row in connection.execute(_query(used, source)).fetchall():
            currency, commitment, name, status, contracted, effective = row[len(used) :]
            amounts = (ZERO, ZERO, effective) if status == "Unused" else (contracted, effective, ZERO)
            for owner, part in _owners(assign(row[: len(used)])):
                so_far = sums[currency, commitment, name or commitment, owner]
                for measure, amount in enumerate(amounts):
                    so_far[measure] = CONTEXT.add(so_far[measure], CONTEXT.multiply(part, amount))
    entries = [_entry(*key, *amounts) for key, amounts in sums.items()]
    entries.sort(
        key=lambda one: (one["currency"], Decimal(one["savings"]).copy_negate(), one["commitment"], one["owner"])
    )
    return entries


def _query(used: tuple[str, ...], source: str) -> str:
    columns = ", ".join([*map(expression, used), *(f'CAST("{name}" AS VARCHAR)' for name in _COMMITMENT)])
    return f"""SELECT {columns}, sum(coalesce(ContractedCost, EffectiveCost)), sum(EffectiveCost) FROM {source}
        WHERE CommitmentDiscountId IS NOT NULL AND ChargeCategory = 'Usage' GROUP BY ALL"""  # noqa: S608


def _owners(decision: Decision) -> list[tuple[str, Decimal]]:
    target = decision.target
    if isinstance(target, Divided):
        return [(_name(one), percent.scaleb(-2, CONTEXT)) for one, percent in target.targets]
    return [(_name(target), Decimal(1))]


def _name(target: Target) -> str:
    return f"pool:{target.id}" if target.kind == "pool" else target.id or SUSPENSE_COST_CENTER


def _entry(
    currency: str, commitment: str, name: str, owner: str, contracted: Decimal, effective: Decimal, unused: Decimal
) -> dict[str, str]:
    return {
        "currency": currency, "commitment": commitment, "commitment_name": name, "owner": owner,
        "contracted_cost": text(contracted), "effective_cost": text(effective),
        "savings": text(CONTEXT.subtract(contracted, effective)), "unused_cost": text(unused),
    }  # fmt: skip
