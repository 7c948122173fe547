"""Applied rule sets and the cost centers they brought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.metrics_used import metrics_used
from services.allocator.loading import Bundle, LoadedRuleSet
from services.allocator.store.tables import cost_centers, rule_sets
from shared.events import CostCenter, RuleSetVersion

_LISTED = [
    rule_sets.c[name]
    for name in ("version", "name", "effective_from", "basis", "applied_by", "approved_by", "applied_at")
]


async def apply(
    conn: AsyncConnection, bundle: Bundle, loaded: LoadedRuleSet, applied_by: str, approved_by: str
) -> RuleSetVersion:
    """Make a rule set the newest one; one that was applied before becomes the newest again, by who says so now."""
    rules = loaded.rule_set
    newest = await conn.scalar(select(func.coalesce(func.max(rule_sets.c.ordinal), 0) + 1))
    row: dict[str, Any] = {
        "version": loaded.version, "name": rules.name, "effective_from": rules.effective_from, "basis": rules.basis,
        "applied_by": applied_by, "approved_by": approved_by, "ordinal": newest,
        "document_name": bundle.document_name, "document": bundle.document, "files": dict(bundle.files),
        "metrics": metrics_used(rules),
    }  # fmt: skip
    again = {name: row[name] for name in ("ordinal", "applied_by", "approved_by", "metrics")}
    again["applied_at"] = func.clock_timestamp()
    await conn.execute(insert(rule_sets).values(row).on_conflict_do_update(index_elements=["version"], set_=again))
    return RuleSetVersion(
        name=rules.name, version=loaded.version, effective_from=rules.effective_from, basis=rules.basis,
        applied_by=applied_by, approved_by=approved_by, document=bundle.document,
    )  # fmt: skip


async def keep_cost_centers(conn: AsyncConnection, loaded: LoadedRuleSet) -> list[CostCenter]:
    """Give new and changed cost centers their next revision; returns those to publish."""
    known = {row.cost_center_id: row for row in await conn.execute(select(cost_centers))}
    changed: list[CostCenter] = []
    for key, row in loaded.cost_centers.items():
        before = known.get(key)
        if before is None or (before.name, before.owner) != (row.name, row.owner):
            revision = before.revision + 1 if before is not None else 1
            changed.append(CostCenter(cost_center_id=key, name=row.name, owner=row.owner, revision=revision))
    if changed:
        statement = insert(cost_centers)
        update = {name: statement.excluded[name] for name in ("revision", "name", "owner")}
        rows = [
            {"cost_center_id": c.cost_center_id, "revision": c.revision, "name": c.name, "owner": c.owner}
            for c in changed
        ]
        await conn.execute(statement.on_conflict_do_update(index_elements=["cost_center_id"], set_=update), rows)
    return changed


async def all_metrics_used(conn: AsyncConnection) -> dict[str, int]:
    """The driver metrics that any rule set uses, with their most days of look-back."""
    found: dict[str, int] = {}
    for used in await conn.scalars(select(rule_sets.c.metrics)):
        found |= {metric: max(days, found.get(metric, 0)) for metric, days in used.items()}
    return found


async def in_force(conn: AsyncConnection, billing_period: str) -> str | None:
    """The version that applies to a billing period: the latest effective_from that is not after it, then the newest."""
    query = (
        select(rule_sets.c.version)
        .where(rule_sets.c.effective_from <= billing_period)
        .order_by(rule_sets.c.effective_from.desc(), rule_sets.c.ordinal.desc())
        .limit(1)
    )
    version: str | None = await conn.scalar(query)
    return version


async def names(conn: AsyncConnection) -> dict[str, str]:
    """The name of every applied rule set, by version."""
    return {row.version: row.name for row in await conn.execute(select(rule_sets.c.version, rule_sets.c.name))}


async def bundle(conn: AsyncConnection, version: str) -> Bundle | None:
    """The content of an applied version."""
    row = (await conn.execute(select(rule_sets).where(rule_sets.c.version == version))).one_or_none()
    return None if row is None else Bundle(row.document, row.files, row.document_name)


async def listing(conn: AsyncConnection) -> Sequence[dict[str, Any]]:
    """Every applied rule set, the newest first."""
    rows = await conn.execute(select(*_LISTED).order_by(rule_sets.c.ordinal.desc()))
    return [{**row._mapping, "applied_at": row.applied_at.isoformat()} for row in rows]
