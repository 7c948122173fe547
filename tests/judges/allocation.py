"""An allocation in SQL: rules, pools and splitting written again for DuckDB, with nothing of the allocator's.

A pool that is split by parts must get its cost from rules, not from other pools, and reciprocal groups are pairs.
Amounts are integers of 1e-18.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from tests.judges.amounts import pool_weights
from tests.judges.splitting import WHOLE_MAX, split_all
from tests.judges.weights import Company, reciprocal_weights

ORIGIN = (
    "InvoiceIssuerName", "InvoiceId", "ServiceProviderName", "ServiceName", "BillingAccountId", "SubAccountId",
    "ChargeCategory", "ChargeClass",
)  # fmt: skip
_UNITS = "CAST(replace(CAST(CAST({0} AS DECIMAL(38,18)) AS VARCHAR), '.', '') AS HUGEINT)"
_LAST = "CASE WHEN contains(trim(path, '/'), '/') THEN ')' ELSE ',)' END"


def text(value: str) -> str:
    """A value as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def dimension(test: Mapping[str, str]) -> str:
    """A column, or a tag out of the JSON."""
    if "tag" in test:
        return f"json_extract_string(Tags, {text('$.' + chr(34) + test['tag'] + chr(34))})"
    return f'"{test["column"]}"'


def condition(test: Mapping[str, Any]) -> str:
    """A rule's condition as an SQL expression that is never null."""
    for word, joined in (("all", " AND "), ("any", " OR ")):
        if word in test:
            return "(" + joined.join(condition(part) for part in test[word]) + ")"
    if "not" in test:
        return f"NOT {condition(test['not'])}"
    name = dimension(test)
    if "exists" in test:
        return f"({name} IS {'NOT NULL' if test['exists'] == 'true' else 'NULL'})"
    values = test.get("in") or [test.get("equals")]
    passes = f"{name} IN ({', '.join(text(str(value)) for value in values)})"
    if "prefix" in test:
        passes = f"starts_with({name}, {text(test['prefix'])})"
    if "pattern" in test:
        passes = f"regexp_full_match({name}, {text(test['pattern'])})"
    return f"coalesce({passes}, false)"


class SqlAllocation:
    """The month of an export's directory, allocated by its rule set."""

    def __init__(self, directory: Path, rules: Mapping[str, Any]) -> None:
        self.db, self._rules, self._directory = duckdb.connect(), rules, directory
        self.db.execute("SET threads = 1")
        self._read("focus.csv", "raw")
        self.db.execute("CREATE TABLE charges AS SELECT *, ProviderName AS ServiceProviderName FROM raw")
        self.db.execute("ALTER TABLE charges ADD COLUMN IF NOT EXISTS ChargeClass VARCHAR")
        self._read("cost-centers.csv", "centers")
        self._read("drivers.csv", "drivers")
        for name, file in rules["mappings"].items():
            self._read(file, f"mapping_{name}")

    def run(self) -> dict[tuple[Any, ...], tuple[int, int]]:
        """Billed and effective units by currency, cost center, rule, path, part, leg and origin."""
        self._assign()
        company = Company(self._basis, self._centers, condition, part_of)
        pools = {pool["id"]: pool for pool in self._rules["pools"]}
        pairs = {
            one: (one, other) for group in self._rules.get("reciprocal", ()) for one, other in (group, group[::-1])
        }
        for name, pool in pools.items():
            self._hold(pool)
            if name in pairs:
                cells = "(SELECT DISTINCT BillingCurrency, part FROM held)"
                entered, other = (pools[one] for one in pairs[name])
                solved = reciprocal_weights(entered, other, cells)
                self._split(f"SELECT *, false AS fits FROM ({solved})")
            else:
                self._split(pool_weights(pool, company))
        names = ", ".join(f'"{name}"' for name in ORIGIN)
        rows = self.db.execute(
            f"SELECT BillingCurrency, id, rule_id, path, part, leg, {names}, sum(billed)::HUGEINT, "
            "sum(effective)::HUGEINT FROM moving GROUP BY ALL"
        ).fetchall()
        return {tuple(row[:-2]): (row[-2], row[-1]) for row in rows if row[-2] or row[-1]}

    @property
    def _basis(self) -> str:
        return "billed" if self._rules["basis"] == "BilledCost" else "effective"

    @property
    def _centers(self) -> list[str]:
        return [row[0] for row in self.db.execute("SELECT cost_center_id FROM centers").fetchall()]

    def _read(self, file: str, table: str) -> None:
        path = text(str(self._directory / file))
        self.db.execute(f"CREATE TABLE {table} AS SELECT * FROM read_csv({path}, all_varchar=true, header=true)")

    def _assign(self) -> None:
        """The first rule that matches and resolves takes the charge."""
        rule, kind, target = "CASE", "CASE", "CASE"
        for one in self._rules["rules"]:
            to, passes = one["assign"], condition(one["when"]) if "when" in one else "true"
            if "pool" in to or "cost_center" in to:
                ((way, name),) = to.items()
                found = text(name)
            else:
                way, key = "cost_center", dimension(to)
                table = f"mapping_{to['mapping']}" if "mapping" in to else "centers"
                column = "value" if "mapping" in to else "cost_center_id"
                found = f"(SELECT any_value(m.cost_center_id) FROM {table} m WHERE m.{column} = {key})"
                passes = f"{passes} AND {found} IS NOT NULL"
            rule += f" WHEN {passes} THEN {text(one['id'])}"
            kind += f" WHEN {passes} THEN {text(way)}"
            target += f" WHEN {passes} THEN {found}"
        self.db.execute(
            f"CREATE TABLE assigned AS SELECT *, {rule} ELSE 'fallback' END AS rule_id, "
            f"{kind} ELSE 'suspense' END AS kind, {target} ELSE 'SUSPENSE' END AS id, "
            f"{_UNITS.format('BilledCost')} AS billed, {_UNITS.format('EffectiveCost')} AS effective FROM charges"
        )
        part = "CASE"
        for pool in self._rules["pools"]:
            part += f" WHEN kind = 'pool' AND id = {text(pool['id'])} THEN {part_of(pool)}"
        names = ", ".join(f'"{name}"' for name in ORIGIN)
        self.db.execute(
            f"CREATE TABLE moving AS SELECT BillingCurrency, {names}, rule_id, '' AS path, {part} ELSE '' END "
            "AS part, '' AS leg, kind, id, sum(billed)::HUGEINT AS billed, sum(effective)::HUGEINT AS effective "
            "FROM assigned GROUP BY ALL"
        )

    def _hold(self, pool: Mapping[str, Any]) -> None:
        """Take a pool's cost out of what is moving: numbered rows, in the order in which the allocator splits them.

        That is the order of their Python representation, in which no value here has a quote.
        """
        names, name = ", ".join(f'"{one}"' for one in ORIGIN), text(pool["id"])
        written = " || ', ' || ".join(
            f"coalesce(concat('''', \"{one}\", ''''), 'None')" for one in (*ORIGIN, "rule_id")
        )
        way = f"concat('(''', replace(trim(path, '/'), '/', ''', '''), '''', {_LAST})"
        self.db.execute(
            f"CREATE OR REPLACE TABLE held AS SELECT row_number() OVER (ORDER BY {written}, CASE path WHEN '' THEN "
            f"'()' ELSE {way} END) AS n, * REPLACE (path || {name} || '/' AS path) FROM (SELECT BillingCurrency, "
            f"{names}, rule_id, path, part, sum(billed)::HUGEINT AS billed, sum(effective)::HUGEINT AS effective "
            f"FROM moving WHERE kind = 'pool' AND id = {name} GROUP BY ALL)"
        )
        self.db.execute(f"DELETE FROM moving WHERE kind = 'pool' AND id = {name}")

    def _split(self, weights: str) -> None:
        """Split what is held, and put the parts into what is moving."""
        names = ", ".join(f'"{one}"' for one in ORIGIN)
        self.db.execute(f"CREATE OR REPLACE TABLE weights AS {weights}")
        found = self.db.execute("SELECT max(whole) FROM weights").fetchone()
        assert found is not None
        assert not found[0] or found[0] < WHOLE_MAX, "the whole is too wide for the long division"
        for basis in ("billed", "effective"):
            query = split_all(basis, of_rules=basis == self._basis)
            self.db.execute(f"CREATE OR REPLACE TABLE {basis}_parts AS {query}")
        self.db.execute(
            f"INSERT INTO moving SELECT h.BillingCurrency, {names}, rule_id, path, part, leg, b.kind, b.id, b.amount, "
            "e.amount FROM held h JOIN billed_parts b USING (n) JOIN effective_parts e USING (n, kind, id, leg)"
        )


def part_of(pool: Mapping[str, Any]) -> str:
    """The values that a pool is split by, in the order of their names, as one text."""
    tests = [{"column": one} if isinstance(one, str) else one for one in pool.get("partition_by", ())]
    values = [f"coalesce({dimension(one)}, '-')" for one in sorted(tests, key=lambda one: str(*one.values()))]
    return " || '|' || ".join(values) or "''"
