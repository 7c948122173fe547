"""Weights of a pool's takers in SQL, as integers: for each currency and part of the partition, and by share methods.

Every query here has the columns BillingCurrency, part, kind, id, leg, weight and whole. A *cell* is a currency and a
part, with the `amount` that the pool holds there, in the rule set's basis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

CELL: Final = "BillingCurrency, part"
TAKER: Final = "BillingCurrency, part, kind, id, leg"
SUSPENSE: Final = ("suspense", "SUSPENSE", "")
THOUSANDTHS: Final = 1_000
"""Quantities, rates and weights of drivers have at most three decimals here, percentages none."""

Taker = tuple[str, str, str]
"""Kind, id and leg."""


@dataclass(frozen=True)
class Company:
    """What weights depend on besides the pool.

    Args:
        basis: the rule set's, `billed` or `effective`.
        centers: all cost centers.
        condition: a rule's condition as SQL.
        part_of: the part of a pool's partition that a charge belongs to, as SQL.
    """

    basis: str
    centers: Sequence[str]
    condition: Callable[[Any], str]
    part_of: Callable[[Any], str]


def share_weights(method: Mapping[str, Any], pool: Mapping[str, Any], cells: str, company: Company) -> str:
    """The weights of a share method; what adds up to zero is split evenly over its targets."""
    targets = {(*target, ""): weight for target, weight in targets_of(method, company.centers).items()}
    listed = listing(targets)
    if method["method"] == "proportional":
        raw = _direct(method, pool, cells, listed, company)
    elif method["method"] == "driver":
        raw = f"SELECT {TAKER}, raw FROM {cells} CROSS JOIN ({_measured(method, targets, company.centers)})"
    else:
        if "residual" in method:
            targets[*target_of(method["residual"]), "residual"] = 100 - sum(targets.values())
        raw = f"SELECT {TAKER}, w AS raw FROM {cells} CROSS JOIN {listing(targets)}"
    over = f"OVER (PARTITION BY {CELL})"
    weighted = (
        f"SELECT {TAKER}, CASE WHEN total = 0 THEN CASE WHEN leg = '' THEN 1 ELSE 0 END ELSE raw END::HUGEINT AS "
        f"weight, CASE WHEN total = 0 THEN n ELSE total END::HUGEINT AS whole FROM (SELECT *, sum(raw) {over} AS "
        f"total, count(*) FILTER (leg = '') {over} AS n FROM ({raw}))"
    )
    bounds = [int(method.get(key, default)) for key, default in (("min_percent", 0), ("max_percent", 100))]
    return weighted if bounds == [0, 100] else _bounded(weighted, *bounds)


def reciprocal_weights(entered: Mapping[str, Any], other: Mapping[str, Any], cells: str) -> str:
    """What a unit that entered one pool of a pair ends up as, by the closed form of two equations.

    With weights w of the pool that was entered, v of the other and their sums W and V, a target gets `w V + w[other] v`
    of `W V - w[other] v[entered]`.
    """
    w, v = targets_of(entered, ()), targets_of(other, ())
    to_other, back = w.pop(("pool", other["id"])), v.pop(("pool", entered["id"]))
    whole_w, whole_v = sum(w.values()) + to_other, sum(v.values()) + back
    listed = listing({(*one, ""): w.get(one, 0) * whole_v + to_other * v.get(one, 0) for one in w | v})
    whole = whole_w * whole_v - to_other * back
    return f"SELECT {TAKER}, w AS weight, {whole}::HUGEINT AS whole FROM {cells} CROSS JOIN {listed}"


def _direct(method: Mapping[str, Any], pool: Mapping[str, Any], cells: str, listed: str, company: Company) -> str:
    """Direct cost inside the cell, of some charges and in some basis; less than nothing weighs nothing."""
    base = method.get("base", {})
    where = company.condition(base["where"]) if "where" in base else "true"
    basis = {"BilledCost": "billed", "EffectiveCost": "effective"}.get(base.get("basis"), company.basis)
    direct = (
        f"SELECT BillingCurrency, {company.part_of(pool)} AS part, id, sum({basis})::HUGEINT AS cost FROM assigned "
        f"WHERE kind = 'cost_center' AND {where} GROUP BY ALL"
    )
    return (
        f"SELECT {TAKER}, greatest(coalesce(d.cost, 0), 0) AS raw FROM {cells} CROSS JOIN {listed} "
        f"LEFT JOIN ({direct}) d USING (BillingCurrency, part, id)"
    )


def _measured(method: Mapping[str, Any], targets: Mapping[Taker, int], centers: Sequence[str]) -> str:
    """Kind, id, leg and weight by quantities in the table `drivers`.

    Shares of several drivers are added up over their common denominator, the product of the drivers' totals.
    """
    drivers = method.get("drivers") or [{"metric": method["driver"]}]
    weights = [int(Decimal(one.get("weight", 1)) * THOUSANDTHS) for one in drivers]
    shares = len(drivers) > 1 and method.get("combine", "shares") == "shares"
    added, columns = [], []
    for i, (driver, weight) in enumerate(zip(drivers, weights, strict=True)):
        columns.append(f"({quantity_of(driver['metric'])})::HUGEINT AS q{i}")
        others = [f"(sum(q{j}) OVER ())::HUGEINT" for j in range(len(drivers)) if shares and j != i]
        added.append(" * ".join([f"q{i}", str(weight), *others]))
    raw = " + ".join(added)
    if "tiers" in method:
        # Tiers are those of one driver here: its weight would only make all prices longer.
        raw = graduated("q0", method["tiers"])
    return (
        f"SELECT kind, id, leg, {raw} AS raw FROM (SELECT kind, id, leg, "
        f"{', '.join(columns)} FROM {owned(targets, centers)} GROUP BY ALL)"
    )


def quantity_of(metric: str) -> str:
    """A taker's quantity of a metric in thousandths, as an aggregate over `owned`."""
    return f"sum(CASE WHEN metric = '{metric}' THEN CAST(quantity AS DECIMAL(18,3)) * {THOUSANDTHS} ELSE 0 END)"


def owned(targets: Mapping[Taker, int], centers: Sequence[str]) -> str:
    """Targets with their measurements, and suspense with those of subjects that are no cost center."""
    unowned = listing({("suspense", "SUSPENSE", "unowned"): 1})
    known = ", ".join(f"'{one}'" for one in centers)
    return (
        f"(SELECT kind, id, leg, metric, quantity FROM {listing(targets)} LEFT JOIN drivers ON subject = t.id "
        f"UNION ALL SELECT kind, id, leg, metric, quantity FROM {unowned}, drivers WHERE subject NOT IN ({known}))"
    )


def graduated(quantity: str, tiers: Sequence[Mapping[str, str]]) -> str:
    """The graduated price of a quantity in thousandths, in millionths."""
    below, prices = 0, []
    for tier in tiers:
        rate = int(Decimal(tier["rate"]) * THOUSANDTHS)
        up_to = int(Decimal(tier["up_to"]) * THOUSANDTHS) if "up_to" in tier else None
        reached = quantity if up_to is None else f"least({quantity}, {up_to})"
        prices.append(f"greatest({reached} - {below}, 0) * {rate}")
        below = up_to or below
    return f"({' + '.join(prices)})"


def _bounded(weighted: str, least: int, most: int) -> str:
    """Shares of at least and at most so many percent, for takers without legs.

    By trying: the i smallest are at the least, the j largest at the most, and those between share the rest in
    proportion. Of all i and j only those are right under which nobody would leave the bounds again.
    """
    over, rest, free = f"OVER (PARTITION BY {CELL}, i, j)", f"(100 - {least} * i - {most} * j)", "k > i AND k <= n - j"
    return f"""
        WITH ranked AS (
            SELECT *, row_number() OVER (PARTITION BY {CELL} ORDER BY weight) AS k, count(*) OVER (PARTITION BY {CELL})
            AS n FROM ({weighted}) WHERE weight > 0),
        tried AS (
            SELECT *, {rest} * weight AS part_of_rest, (sum(CASE WHEN {free} THEN weight ELSE 0 END) {over})::HUGEINT
            AS f FROM ranked, range(100) a(i), range(100) b(j) WHERE i + j < n AND {rest} > 0),
        judged AS (
            SELECT *, bool_and(CASE WHEN k <= i THEN part_of_rest <= {least} * f WHEN k > n - j
            THEN part_of_rest >= {most} * f ELSE part_of_rest BETWEEN {least} * f AND {most} * f END) {over} AS fair
            FROM tried)
        SELECT {TAKER}, CASE WHEN k <= i THEN {least} * f WHEN k > n - j THEN {most} * f ELSE part_of_rest END::HUGEINT
            AS weight, (100 * f)::HUGEINT AS whole
        FROM judged WHERE fair QUALIFY dense_rank() OVER (PARTITION BY {CELL} ORDER BY i, j) = 1"""


def targets_of(method: Mapping[str, Any], centers: Sequence[str]) -> dict[tuple[str, str], int]:
    """Kind and id of each target, with its weight."""
    targets = method["targets"]
    if isinstance(targets, Mapping):
        return {target_of(name): int(weight) for name, weight in targets.items()}
    if targets == "all":
        return {("cost_center", one): 1 for one in centers if one not in method.get("exclude", ())}
    return {target_of(name): 1 for name in targets}


def target_of(name: str) -> tuple[str, str]:
    """Kind and id of what a rule set calls by this name."""
    if name == "suspense":
        return SUSPENSE[:2]
    return ("pool", name.removeprefix("pool:")) if name.startswith("pool:") else ("cost_center", name)


def listing(weights: Mapping[Taker, int]) -> str:
    """Takers and their weights as a table t(kind, id, leg, w)."""
    rows = ", ".join(
        f"('{kind}', '{name}', '{leg}', CAST({weight} AS HUGEINT))" for (kind, name, leg), weight in weights.items()
    )
    return f"(VALUES {rows}) t(kind, id, leg, w)"
