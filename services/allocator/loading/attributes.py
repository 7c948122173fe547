"""Attributes: what CSV tables say about accounts, cost centers or anything else that a charge names.

A test of an attribute becomes, when the rule set is loaded, a test of the charge: whether the account is one of those
whose attribute passes. So nothing has to be looked up when charges come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from services.allocator.domain.conditions import compile_condition, value_test
from services.allocator.domain.rule_set import Condition, Leaf, Not
from services.allocator.loading.conditions import read_condition, read_dimension
from services.allocator.loading.cost_centers import CostCenters
from services.allocator.loading.csv_table import rows
from shared.documents import Problems, Reader

_WRITE: Final = "write it like attribute: accounts.environment"
_TABLE: Final = "write attributes: {accounts: {table: accounts.csv, key: {column: SubAccountId}}}"
_OWN: Final = ("cost_center_id", "name", "owner")


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """One table: the dimension whose values are its keys, its columns, and each key's cells that are not empty."""

    file: str
    dimension: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Attributes:
    """All tables by name: what `attribute` in a condition about charges may look at."""

    tables: Mapping[str, AttributeTable] = field(default_factory=dict)

    keys: ClassVar[tuple[str, ...]] = ("column", "tag", "attribute")

    def condition(self, reader: Reader, key: str, test: Leaf | None) -> Condition | None:
        """A test of a charge: of a column, a tag, or of what a table says about one of them."""
        if key == "attribute":
            return self._by_table(reader, test)
        dimension = read_dimension(reader)
        return replace(test, dimension=dimension) if test and dimension else None

    def _by_table(self, reader: Reader, test: Leaf | None) -> Condition | None:
        problems, line = reader.problems, reader.line("attribute")
        name, dot, column = (reader.text("attribute", _WRITE) or "").partition(".")
        table = self.tables.get(name)
        if not dot or table is None:
            advice = problems.suggestion(name, self.tables, _TABLE) if dot else _WRITE
            problems.add(line, f"unknown attribute table {name!r}", advice)
            return None
        if column not in table.columns:
            advice = problems.suggestion(column, table.columns, f"choose {', '.join(table.columns)}")
            problems.add(line, f"{table.file} has no column {column!r}", advice)
            return None
        if test is None:
            return None
        passes = value_test(test)
        absent = passes(None)
        keys = tuple(key for key, row in table.rows.items() if passes(row.get(column)) is not absent)
        if not keys and not absent:
            problems.warn(line, f"no row of {table.file} passes this test", f"look at its column {column}")
        found = Leaf(table.dimension, "in", keys)
        return Not(found) if absent else found


@dataclass(frozen=True, slots=True)
class CostCenterAttributes:
    """The columns of the cost centers table: what `attribute` in a condition about cost centers may look at."""

    columns: tuple[str, ...]

    keys: ClassVar[tuple[str, ...]] = ("attribute",)

    def condition(self, reader: Reader, key: str, test: Leaf | None) -> Condition | None:
        """A test of one column."""
        name = reader.text(key, f"name a column of the cost centers table, such as {self.columns[-1]}")
        if name is None or name in self.columns:
            return replace(test, dimension=name) if test and name else None
        advice = reader.problems.suggestion(name, self.columns, f"choose {', '.join(self.columns)}")
        reader.problems.add(reader.line(key), f"the cost centers table has no column {name!r}", advice)
        return None


def cost_centers_where(reader: Reader, cost_centers: CostCenters) -> list[str]:
    """The ids, sorted, of the cost centers that meet a condition about their columns; that there are none is a problem.

    Args:
        reader: the condition, such as `{attribute: department, equals: IT}`.
    """
    further = dict.fromkeys(name for row in cost_centers.values() for name in row.attributes)
    columns = (*_OWN, *(name for name in further if name not in _OWN))
    condition = read_condition(reader, CostCenterAttributes(columns))
    if condition is None:
        return []
    passes = compile_condition(condition, {name: i for i, name in enumerate(columns)})
    found = []
    for key, row in cost_centers.items():
        cells = {"cost_center_id": key, "name": row.name, "owner": row.owner or None, **row.attributes}
        if passes(tuple(cells.get(name) for name in columns)):
            found.append(key)
    if not found:
        reader.problems.add(reader.node.line, "no cost center meets this condition", "look at the cost centers table")
    return sorted(found)


def read_attribute_table(text: str, file: str, key: Reader | None, problems: Problems) -> AttributeTable:
    """Read a table whose first column is the key: each key once, any further columns."""
    dimension = read_dimension(key) if key else None
    if key:
        key.allow("column", "tag")
    found: dict[str, dict[str, str]] = {}
    columns: tuple[str, ...] = ()
    for line, row in rows(text, file, (), problems):
        columns = tuple(row)
        value = row.pop(columns[0])
        if value in found:
            problems.add(line, f"{value!r} is listed twice", "keep one of the lines", file=file)
        found[value] = {column: cell for column, cell in row.items() if cell}
    if not found:
        problems.warn(0, "the table has no rows", "add rows, or drop the table", file=file)
    return AttributeTable(file, dimension or "", columns[1:], found)
