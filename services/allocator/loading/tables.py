"""The tables that a document names, read and checked: cost centers, mappings, attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.allocator.loading.attributes import Attributes, AttributeTable, read_attribute_table
from services.allocator.loading.bundle import Bundle
from services.allocator.loading.cost_centers import CostCenters, read_cost_centers
from services.allocator.loading.mappings import MappingTable, read_mapping
from shared.documents import Problems, Reader

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that the tables of a rule set say."""

    cost_centers: CostCenters
    mappings: Mapping[str, MappingTable]
    attributes: Attributes


def read_tables(bundle: Bundle, top: Reader, problems: Problems) -> Tables:
    """Read the tables; what is wrong with them is among the problems."""
    name = top.text("cost_centers", "name the CSV file with cost_center_id,name,owner")
    text = _text(bundle, name, top.line("cost_centers"), problems)
    cost_centers = read_cost_centers(text, name, problems) if name and text is not None else {}
    return Tables(cost_centers, _mappings(bundle, top, cost_centers, problems), _attributes(bundle, top, problems))


def _mappings(bundle: Bundle, top: Reader, cost_centers: CostCenters, problems: Problems) -> dict[str, MappingTable]:
    found: dict[str, MappingTable] = {}
    reader = top.mapping("mappings", "write mappings: {teams: teams.csv}")
    for key in reader.node.items if reader else ():
        assert reader is not None
        name = reader.text(key, "name a CSV file with value,cost_center_id")
        text = _text(bundle, name, reader.line(key), problems)
        read = read_mapping(text, name, cost_centers, problems) if name and text is not None else None
        found[key] = read or MappingTable({}, cost_centers)
    return found


def _attributes(bundle: Bundle, top: Reader, problems: Problems) -> Attributes:
    found: dict[str, AttributeTable] = {}
    advice = "write attributes: {accounts: {table: accounts.csv, key: {column: SubAccountId}}}"
    reader = top.mapping("attributes", advice)
    for key in reader.node.items if reader else ():
        assert reader is not None
        one = reader.mapping(key, advice)
        if one is None:
            continue
        one.allow("table", "key")
        if not _NAME.fullmatch(key):
            advice = "use letters, digits, dashes and underscores"
            problems.add(reader.line(key), f"{key!r} can't name an attribute table", advice)
        name = one.text("table", "name a CSV file")
        text = _text(bundle, name, one.line("table"), problems)
        by = one.mapping("key", "write key: {column: SubAccountId} or {tag: application}")
        if by is None and "key" not in one.node.items:
            problems.add(one.node.line, "key is missing", "write key: {column: SubAccountId} or {tag: application}")
        if name and text is not None:
            found[key] = read_attribute_table(text, name, by, problems)
    return Attributes(found)


def _text(bundle: Bundle, name: str | None, line: int, problems: Problems) -> str | None:
    if name is None or name in bundle.files:
        return bundle.files.get(name or "")
    problems.add(line, f"table {name} is not in the bundle", "put the file beside the document")
    return None
