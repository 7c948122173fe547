"""The recipes of docs/recipes.md, read as what they say: rule sets, tables, charges, measurements and amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs/recipes.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^## (?P<title>.*)$|^```(?P<kind>yaml|csv) (?P<name>\S+)\n(?P<text>(?s:.*?))^```$|(?P<table>(?:^\|.*\n)+)",
    re.MULTILINE,
)

Row = Mapping[str, str]


@dataclass(frozen=True)
class Recipe:
    """A rule set of the page, and the newest charges, measurements, earlier lines and tables above it."""

    title: str
    document: str
    files: Mapping[str, str]
    charges: tuple[Row, ...]
    measured: tuple[Row, ...]
    earlier: tuple[Row, ...]
    amounts: tuple[Row, ...]


def recipes() -> Iterator[Recipe]:
    """All recipes, in the order of the page."""
    head = title = document = ""
    files: dict[str, str] = {}
    charges: tuple[Row, ...] = ()
    measured: tuple[Row, ...] = ()
    earlier: tuple[Row, ...] = ()
    for found in BLOCK.finditer(PAGE):
        if found["title"]:
            title, measured, earlier = found["title"], (), ()
        elif found["kind"] == "csv":
            files[found["name"]] = found["text"]
        elif found["name"] == "head":
            head = found["text"]
        elif found["kind"]:
            document = _under(head, found["text"])
        else:
            rows = _rows(found["table"])
            if "month" in rows[0]:
                earlier = rows
            elif "cost center" in rows[0]:
                named = {name: text for name, text in files.items() if name in document}
                yield Recipe(title, document, named, charges, measured, earlier, rows)
            elif "metric" in rows[0]:
                measured = rows
            else:
                charges = rows


def _under(head: str, document: str) -> str:
    """A recipe under the lines that all have; what it says itself takes their place."""
    said = {line.partition(":")[0] for line in document.splitlines()}
    return "".join(f"{line}\n" for line in head.splitlines() if line.partition(":")[0] not in said) + document


def _rows(table: str) -> tuple[Row, ...]:
    names, _, *rows = ([cell.strip() for cell in line.strip()[1:-1].split("|")] for line in table.splitlines())
    return tuple(dict(zip(names, row, strict=True)) for row in rows)
