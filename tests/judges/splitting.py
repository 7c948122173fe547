"""Splitting in SQL: long division and largest remainders.

Amounts are integers of 1e-18 (HUGEINT, up to 1.7e38). A quota is `amount * weight / whole`, and with weights that are
costs themselves the product is far too wide, so it is divided as one does on paper: the amount in twelve digits of base
1,000, from the left, each step `remainder * 1000 + digit * weight` divided by the whole. With whole below 8e34 no step
leaves HUGEINT.
"""

from __future__ import annotations

from typing import Final

WHOLE_MAX: Final = 8 * 10**34
_DIGITS: Final = 12


def split_all(basis: str, *, of_rules: bool) -> str:
    """A query of n, kind, id, leg and amount: what each row of `held` gives to each row of `weights`.

    Where weights are amounts in the rule set's basis (`fits`), it is the running totals that are split, and a row gives
    what it adds to them, so that each taker's total is exact; a credit splits as the mirror image of a charge.

    Args:
        of_rules: whether this is the rule set's basis.
    """
    running = f"(sum({basis}) OVER (PARTITION BY BillingCurrency, part ORDER BY n))::HUGEINT"
    fits = "fits" if of_rules else "false"
    steps = [
        f"""d0 AS MATERIALIZED (
            SELECT n, BillingCurrency, part, kind, id, leg, abs(weight) AS weight, sign(weight) AS side, whole, fits,
                sign(total) AS sign, abs(total) AS amount, 0::HUGEINT AS r, 0::HUGEINT AS q
            FROM (
                SELECT h.n, w.* REPLACE ({fits} AS fits), CASE WHEN {fits} THEN running ELSE {basis} END AS total
                FROM (SELECT *, {running} AS running FROM held) h
                JOIN (SELECT * FROM weights WHERE weight <> 0) w USING (BillingCurrency, part)
            ))"""
    ]
    for number in range(_DIGITS):
        place = f"CAST(1{'000' * (_DIGITS - 1 - number)} AS HUGEINT)"
        stepped = f"(r * 1000 + (amount // {place}) % 1000 * weight)"
        steps.append(
            f"d{number + 1} AS MATERIALIZED (SELECT * REPLACE "
            f"({stepped} % whole AS r, q + ({stepped} // whole) * {place} AS q) FROM d{number})"
        )
    return f"""WITH {", ".join(steps)},
        floors AS (SELECT * REPLACE (
            CASE WHEN side < 0 AND r > 0 THEN whole - r ELSE r END AS r,
            CASE WHEN side < 0 THEN -q - CASE WHEN r > 0 THEN 1 ELSE 0 END ELSE q END AS q) FROM d{_DIGITS}),
        ranked AS (SELECT *, amount - (sum(q) OVER (PARTITION BY n))::HUGEINT AS unplaced, row_number() OVER
            (PARTITION BY n ORDER BY r DESC, kind || ':' || id || CASE WHEN leg = '' THEN '' ELSE ':' || leg END)
            AS place FROM floors),
        parts AS (SELECT *, (sign * (q + CASE WHEN place <= unplaced THEN 1 ELSE 0 END))::HUGEINT AS given FROM ranked)
        SELECT n, kind, id, leg, (given - CASE WHEN fits THEN coalesce(lag(given) OVER
            (PARTITION BY BillingCurrency, part, kind, id, leg ORDER BY n), 0) ELSE 0 END)::HUGEINT AS amount
        FROM parts"""
