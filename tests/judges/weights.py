"""Weights of a pool's targets in SQL, as integers: for each currency and part of what `held` has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

_COLUMNS = "BillingCurrency, part, kind, id"
_CELLS = "(SELECT DISTINCT BillingCurrency, part FROM held) c"
_THOUSANDTHS = 1_000
"""Quantities and weights of drivers have at most three decimals here."""


def pool_weights(
    pool: Mapping[str, Any], basis: str, centers: Sequence[str], condition: Callable[[Any], str],
    part_of: Callable[[Any], str],
) -> str:  # fmt: skip
    """A query of currency, part, kind, id, weight and whole; what adds up to zero is split evenly.

    Args:
        condition: a rule's condition as SQL.
        part_of: the part of the pool's partition that a charge belongs to, as SQL.
    """
    listed = _listed(_targets(pool, centers))
    if pool["method"] == "proportional":
        base = pool.get("base", {})
        where = condition(base["where"]) if "where" in base else "true"
        basis = {"BilledCost": "billed", "EffectiveCost": "effective"}.get(base.get("basis"), basis)
        direct = (
            f"SELECT BillingCurrency, {part_of(pool)} AS part, id, sum({basis})::HUGEINT AS cost FROM assigned "
            f"WHERE kind = 'cost_center' AND {where} GROUP BY ALL"
        )
        raw = (
            f"SELECT {_COLUMNS}, greatest(coalesce(d.cost, 0), 0) AS raw FROM {_CELLS} CROSS JOIN {listed} "
            f"LEFT JOIN ({direct}) d USING (BillingCurrency, part, id)"
        )
    elif pool["method"] == "driver":
        raw = f"SELECT {_COLUMNS}, raw FROM {_CELLS} CROSS JOIN ({_measured(pool, listed)})"
    else:
        raw = f"SELECT {_COLUMNS}, w AS raw FROM {_CELLS} CROSS JOIN {listed}"
    cell = "OVER (PARTITION BY BillingCurrency, part)"
    return (
        f"SELECT {_COLUMNS}, CASE WHEN total = 0 THEN 1 ELSE raw END::HUGEINT AS weight, "
        f"CASE WHEN total = 0 THEN n ELSE total END::HUGEINT AS whole "
        f"FROM (SELECT *, sum(raw) {cell} AS total, count(*) {cell} AS n FROM ({raw}))"
    )


def reciprocal_weights(entered: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What a unit that entered one pool of a pair ends up as, by the closed form of two equations.

    With weights w of the pool that was entered, v of the other and their sums W and V, a target gets `w V + w[other] v`
    of `W V - w[other] v[entered]`.
    """
    w, v = _targets(entered, ()), _targets(other, ())
    to_other, back = w.pop(("pool", other["id"])), v.pop(("pool", entered["id"]))
    whole_w, whole_v = sum(w.values()) + to_other, sum(v.values()) + back
    listed = _listed({one: w.get(one, 0) * whole_v + to_other * v.get(one, 0) for one in w | v})
    whole = whole_w * whole_v - to_other * back
    return f"SELECT {_COLUMNS}, w AS weight, {whole}::HUGEINT AS whole FROM {_CELLS} CROSS JOIN {listed}"


def _measured(pool: Mapping[str, Any], listed: str) -> str:
    """Kind, id and weight by quantities in the table `drivers`.

    Shares of several drivers are added up over their common denominator, the product of the drivers' totals.
    """
    drivers = pool.get("drivers") or [{"metric": pool["driver"]}]
    weights = [int(Decimal(one.get("weight", 1)) * _THOUSANDTHS) for one in drivers]
    shares = len(drivers) > 1 and pool.get("combine", "shares") == "shares"
    added, columns = [], []
    for i, (driver, weight) in enumerate(zip(drivers, weights, strict=True)):
        quantity = f"max(CASE WHEN metric = '{driver['metric']}' THEN units ELSE 0 END)"
        columns.append(f"coalesce({quantity}, 0)::HUGEINT AS q{i}")
        others = [f"(sum(q{j}) OVER ())::HUGEINT" for j in range(len(drivers)) if shares and j != i]
        added.append(" * ".join([f"q{i}", str(weight), *others]))
    units = f"CAST(CAST(quantity AS DECIMAL(18,3)) * {_THOUSANDTHS} AS HUGEINT) AS units"
    return (
        f"SELECT kind, id, {' + '.join(added)} AS raw FROM (SELECT t.kind, t.id, {', '.join(columns)} FROM {listed} "
        f"LEFT JOIN (SELECT metric, subject, {units} FROM drivers) ON subject = t.id GROUP BY ALL)"
    )


def _targets(pool: Mapping[str, Any], centers: Sequence[str]) -> dict[tuple[str, str], int]:
    """Kind and id of each target, with its weight."""
    targets = pool["targets"]
    if isinstance(targets, Mapping):
        return {_target(name): int(weight) for name, weight in targets.items()}
    if targets == "all":
        return {("cost_center", one): 1 for one in centers if one not in pool.get("exclude", ())}
    return {_target(name): 1 for name in targets}


def _target(name: str) -> tuple[str, str]:
    return ("pool", name.removeprefix("pool:")) if name.startswith("pool:") else ("cost_center", name)


def _listed(weights: Mapping[tuple[str, str], int]) -> str:
    rows = ", ".join(f"('{kind}', '{name}', CAST({weight} AS HUGEINT))" for (kind, name), weight in weights.items())
    return f"(VALUES {rows}) t(kind, id, w)"
