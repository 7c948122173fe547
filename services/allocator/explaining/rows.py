"""The provider's rows behind a line, found in the archive by the line's origin and by the rules that took them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from services.allocator.archived_costs import archived_rows, archived_stages, expression, text
from services.allocator.domain.assign import Decision, assigner
from services.allocator.domain.buckets import GRAIN
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.rule_set import Divided, Target
from services.allocator.explaining.explanation import DETAIL, Sums, detail_dropped_at
from services.allocator.line_content import ORIGIN
from services.allocator.loading import LoadedRuleSet
from shared.events import Allocation
from shared.money import CONTEXT, ZERO
from shared.money import text as amount_text

_SHOWN: Final = (
    "charge_day", "ServiceName", "SubAccountId", "ResourceId", "ChargeDescription", "ConsumedQuantity", "ConsumedUnit",
    "row_hash",
)  # fmt: skip
_AT_ONCE: Final = 10_000


def provider_rows(archive: Path, loaded: LoadedRuleSet, line: Allocation, most: int) -> dict[str, Any]:
    """The archived rows that a line's cost came from, up to `most` of them, and what all of them add up to.

    For a direct line that is the line; for a line of a pool, or of a charge that several owners divide, it is what the
    rule gave, of which the line is a share.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive does not have the month.
    """
    with archived_rows(archive, line.billing_period) as (connection, source):
        return _listed(connection, _query(source, line, loaded), loaded, line, most)


def late_provider_rows(
    archive: Path, loaded: LoadedRuleSet, line: Allocation, most: int, before: Collection[str], late: Collection[str]
) -> dict[str, Any]:
    """The same of an adjusting line: the rows that came after the close, and with costs negated those that went.

    Args:
        before: the deliveries that were allocated before.
        late: those that the adjustment is about.

    Raises:
        ArchiveUnreadable, NoCosts: if the archive does not have the month.
    """
    with archived_stages(archive, line.billing_period, [before, {*before, *late}]) as (connection, (old, new)):
        was, now = _query(old, line, loaded), _query(new, line, loaded)
        negated = "* REPLACE (-BilledCost AS BilledCost, -EffectiveCost AS EffectiveCost)"
        query = f"(({now}) EXCEPT ALL ({was})) UNION ALL (SELECT {negated} FROM (({was}) EXCEPT ALL ({now})))"  # noqa: S608
        return _listed(connection, query, loaded, line, most)


def _listed(
    connection: duckdb.DuckDBPyConnection, query: str, loaded: LoadedRuleSet, line: Allocation, most: int
) -> dict[str, Any]:
    """What a query finds and the rules send the line's way: up to `most` rows, and what all of them add up to."""
    used = rule_dimensions(loaded.rule_set)
    assign = assigner(loaded.rule_set, loaded.cost_centers, used)
    taken = _taken(line)
    shown: list[dict[str, Any]] = []
    sums, count = Sums(ZERO, ZERO), 0
    for values, row in _candidates(connection, query, used):
        if not taken(assign(values)):
            continue
        billed, effective = row["BilledCost"], row["EffectiveCost"]
        sums = Sums(CONTEXT.add(sums.billed_cost, billed), CONTEXT.add(sums.effective_cost, effective))
        count += 1
        if len(shown) < most:
            shown.append(row | {"BilledCost": amount_text(billed), "EffectiveCost": amount_text(effective)})
    return {"rows": shown, "count": count, "sum": sums.as_json()}


def _query(source: str, line: Allocation, loaded: LoadedRuleSet) -> str:
    """Rows of the line's origin and partition: the values that rules look at, and what is shown."""
    collapsed = detail_dropped_at(line) is not None
    wanted = {GRAIN[0]: line.currency} | {
        column: getattr(line.origin, name)
        for column, name in zip(GRAIN[1:], ORIGIN, strict=True)
        if not (collapsed and name in DETAIL)
    }
    tests = " AND ".join(f"{expression(name)} IS NOT DISTINCT FROM {_literal(value)}" for name, value in
                         (wanted | line.partition).items())  # fmt: skip
    used = rule_dimensions(loaded.rule_set)
    columns = [f"{expression(name)} AS used_{n}" for n, name in enumerate(used)]
    columns += [f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in _SHOWN]
    return f"SELECT {', '.join([*columns, 'BilledCost', 'EffectiveCost'])} FROM {source} WHERE {tests}"  # noqa: S608


def _candidates(
    connection: duckdb.DuckDBPyConnection, query: str, used: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    found = connection.execute(f"SELECT * FROM ({query}) ORDER BY ALL")  # noqa: S608
    while some := found.fetchmany(_AT_ONCE):
        for row in some:
            yield row[: len(used)], dict(zip((*_SHOWN, "BilledCost", "EffectiveCost"), row[len(used) :], strict=True))


def _taken(line: Allocation) -> Callable[[Decision], bool]:
    """Whether a decision sends cost the way that a line took."""
    first = Target("pool", line.path[0]) if line.path else Target("cost_center", line.cost_center)
    if not line.path and line.kind == "suspense":
        first = Target("suspense")

    def taken(decision: Decision) -> bool:
        if decision.rule_id != line.rule_id:
            return False
        target = decision.target
        return any(one == first for one, _ in target.targets) if isinstance(target, Divided) else target == first

    return taken


def _literal(value: str | None) -> str:
    return "NULL" if value is None else text(value)
