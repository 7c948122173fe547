"""The columns of FOCUS Cost and Usage 1.0 to 1.4, read from `columns.csv` beside this module."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal, cast

ColumnType = Literal["string", "decimal", "datetime", "json"]
Level = Literal["mandatory", "conditional", "recommended"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `level` says whether it must be there, `nullable` whether its values may be missing.

    `since` and `until` are the first and the last version that has it; `until` is None while it lives on.
    """

    name: str
    type: ColumnType
    nullable: bool
    level: Level
    since: str
    until: str | None
    description: str

    @property
    def is_summable(self) -> bool:
        """Whether a retraction negates it: costs and quantities, but not prices."""
        return self.type == "decimal" and self.name.endswith(("Cost", "Quantity"))

    def belongs_to(self, version: str) -> bool:
        """Whether the column is part of a version such as "1.2"."""
        return self.since <= version and (self.until is None or version <= self.until)


def _read() -> Mapping[str, Column]:
    text = resources.files(__package__).joinpath("columns.csv").read_text(encoding="utf-8")
    return MappingProxyType({row["name"]: _column(row) for row in csv.DictReader(text.splitlines())})


def _column(row: dict[str, str]) -> Column:
    return Column(
        name=row["name"],
        type=cast(ColumnType, row["type"]),
        nullable=row["nullable"] == "yes",
        level=cast(Level, row["level"]),
        since=row["since"],
        until=row["until"] or None,
        description=row["description"],
    )


COLUMNS: Final[Mapping[str, Column]] = _read()
"""Every column of every version, by name, in alphabetical order."""

RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {"ProviderName": "ServiceProviderName", "PublisherName": "HostProviderName"}
)
"""Columns that 1.4 no longer has, and the 1.4 column that takes their values."""

CANONICAL: Final[tuple[Column, ...]] = tuple(column for column in COLUMNS.values() if column.until is None)
"""The columns of 1.4: how Apportion names things inside, whatever version came in."""


def columns_of(version: str) -> tuple[Column, ...]:
    """The columns of one version, such as "1.2"."""
    return tuple(column for column in COLUMNS.values() if column.belongs_to(version))
