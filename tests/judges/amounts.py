"""Weights of methods that are about amounts, in SQL: fixed amounts, floors, internal rates, caps.

Every query has the columns of `weights`, and `fits`: whether weights are amounts of the cell, so that each taker's
total has to be exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tests.judges.weights import (
    CELL,
    TAKER,
    Company,
    graduated,
    listing,
    owned,
    quantity_of,
    share_weights,
    target_of,
    targets_of,
)

_UNIT: Final = 10**18
_PRICES_MAX: Final = 10**6


def pool_weights(pool: Mapping[str, Any], company: Company) -> str:
    """The weights of a pool over what `held` has."""
    cells = f"(SELECT {CELL}, sum({company.basis})::HUGEINT AS amount FROM held GROUP BY ALL)"
    weights = _method(pool, pool, cells, company)
    return _capped(weights, cells, pool["cap"]) if "cap" in pool else weights


def _method(method: Mapping[str, Any], pool: Mapping[str, Any], cells: str, company: Company) -> str:
    match method["method"]:
        case "fixed_amount":
            return _fixed_amount(method, pool, cells, company)
        case "floor_plus_variable":
            return _floor_plus_variable(method, pool, cells, company)
        case "usage_rate":
            return _usage_rate(method, cells, company)
    return f"SELECT *, false AS fits FROM ({share_weights(method, pool, cells, company)})"


def _fixed_amount(method: Mapping[str, Any], pool: Mapping[str, Any], cells: str, company: Company) -> str:
    """Amounts in their currency, and the rest by its own method; less is split in proportion to the amounts."""
    amounts = {(*target_of(name), ""): _units(amount) for name, amount in method["amounts"].items()}
    total, listed = sum(amounts.values()), listing(amounts)
    said = f"BillingCurrency = '{method['currency']}'"
    left = f"CASE WHEN {said} THEN sign(amount) * (abs(amount) - {total}) ELSE amount END::HUGEINT AS amount"
    resting = f"(SELECT {CELL}, {left} FROM {cells} WHERE NOT ({said} AND abs(amount) <= {total}))"
    return f"""
        WITH cells AS ({cells[1:-1]}),
        rest AS (SELECT *, {said} AS said FROM ({_method(method["rest"], pool, resting, company)})),
        wholes AS (SELECT DISTINCT {CELL}, whole FROM rest WHERE said)
        SELECT {TAKER}, w AS weight, {total}::HUGEINT AS whole, true AS fits
            FROM cells CROSS JOIN {listed} WHERE {said} AND abs(amount) <= {total}
        UNION ALL SELECT {TAKER}, weight, whole, fits FROM rest WHERE NOT said
        UNION ALL SELECT {TAKER}, sum(weight)::HUGEINT, (abs(any_value(amount)) * any_value(whole))::HUGEINT, true
            FROM (
                SELECT {TAKER}, w * whole AS weight, whole FROM wholes CROSS JOIN {listed}
                UNION ALL SELECT {TAKER}, weight * (abs(amount) - {total}), whole
                    FROM rest JOIN cells USING ({CELL}) WHERE said
            ) JOIN cells USING ({CELL}) GROUP BY {TAKER}"""


def _floor_plus_variable(method: Mapping[str, Any], pool: Mapping[str, Any], cells: str, company: Company) -> str:
    """A percentage by one share method and the rest by another, over the product of their wholes."""
    percent = int(method["floor"]["percent"])
    floor, variable = (share_weights(method[key], pool, cells, company) for key in ("floor", "variable"))
    return f"""
        WITH f AS ({floor}), v AS ({variable}),
        wholes AS (SELECT DISTINCT {CELL}, f.whole AS wf, v.whole AS wv FROM f JOIN v USING ({CELL}))
        SELECT {TAKER}, sum(weight)::HUGEINT AS weight, any_value(100 * wf * wv)::HUGEINT AS whole, false AS fits
        FROM (
            SELECT {TAKER}, {percent} * weight * wv AS weight, wf, wv FROM f JOIN wholes USING ({CELL})
            UNION ALL SELECT {TAKER}, {100 - percent} * weight * wf, wf, wv FROM v JOIN wholes USING ({CELL})
        ) GROUP BY {TAKER}"""


def _usage_rate(method: Mapping[str, Any], cells: str, company: Company) -> str:
    """Quantities times rates, and the difference as a line of its own; prices stay when a pool holds a credit."""
    rates = method.get("rates") or [{"rate": method["rate"]}]
    targets = {(*target, ""): 1 for target in targets_of(method, company.centers)}
    price = f"({graduated(quantity_of(method['driver']) + '::HUGEINT', rates)} * {_UNIT // 10**6})::HUGEINT"
    prices = f"SELECT kind, id, leg, {price} AS price FROM {owned(targets, company.centers)} GROUP BY ALL"
    kind, name = target_of(method["variance"])
    leg = "CASE WHEN {0} < 0 THEN 'over-recovery' ELSE 'under-recovery' END"
    priced = (
        f"BillingCurrency = '{method['currency']}' AND amount <> 0 AND abs(difference) <= {_PRICES_MAX} * abs(amount)"
    )
    return f"""
        WITH prices AS ({prices}),
        cells AS (SELECT *, (amount - (SELECT sum(price) FROM prices))::HUGEINT AS difference FROM {cells})
        SELECT {TAKER}, price * sign(amount) AS weight, abs(amount) AS whole, true AS fits
            FROM cells CROSS JOIN prices WHERE {priced}
        UNION ALL SELECT {CELL}, '{kind}', '{name}', {leg.format("difference")}, difference * sign(amount), abs(amount),
            true FROM cells WHERE {priced}
        UNION ALL SELECT {CELL}, '{kind}', '{name}', {leg.format("amount")}, 1, 1, false
            FROM cells WHERE NOT ({priced})"""


def _capped(weights: str, cells: str, cap: Mapping[str, Any]) -> str:
    """What is above a cap goes to the spill target; a cost center with a cap gets one part of a pool here."""
    limits = listing({(*target_of(name), ""): _units(amount) for name, amount in cap["amounts"].items()})
    kind, name = target_of(cap["spill"])
    above = f"BillingCurrency = '{cap['currency']}' AND abs(gets) > w * whole"
    return f"""
        WITH gets AS (
            SELECT a.*, w, weight * abs(amount) AS gets FROM ({weights}) a JOIN {cells} c USING ({CELL})
            LEFT JOIN {limits} USING (kind, id, leg)),
        cut AS (SELECT * REPLACE (CASE WHEN {above} THEN sign(gets) * w * whole ELSE gets END::HUGEINT AS gets),
            gets AS was, abs(whole) AS w0, bool_or(coalesce({above}, false)) OVER (PARTITION BY {CELL}) AS cuts
            FROM gets)
        SELECT {TAKER}, weight, whole, fits FROM cut WHERE NOT cuts
        UNION ALL SELECT {TAKER}, gets, sum(was) OVER (PARTITION BY {CELL})::HUGEINT, true FROM cut WHERE cuts
        UNION ALL SELECT {CELL}, '{kind}', '{name}', 'spill', sum(was - gets)::HUGEINT, sum(was)::HUGEINT, true
            FROM cut WHERE cuts GROUP BY ALL"""


def _units(amount: str) -> int:
    return int(Decimal(amount) * _UNIT)
