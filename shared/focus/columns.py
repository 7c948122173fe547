"""The columns of every dataset and version of FOCUS, read from `columns.csv` and `allowed.csv` beside this module.

The one place that knows them: reading files, the schemas of events and `docs/focus-columns.md` are made from it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal, cast

ColumnType = Literal["string", "decimal", "datetime", "json"]
Level = Literal["mandatory", "conditional", "recommended"]

PREVIEW: Final = "1.0-preview"
VERSIONS: Final = (PREVIEW, "1.0", "1.1", "1.2", "1.3", "1.4")
"""Every version that is read, oldest first. Compare versions by their place here: as text, the preview comes late."""


class Dataset(StrEnum):
    """What a FOCUS file is about."""

    COST_AND_USAGE = "cost-and-usage"
    INVOICE_DETAIL = "invoice-detail"
    BILLING_PERIOD = "billing-period"
    CONTRACT_COMMITMENT = "contract-commitment"

    @property
    def display_name(self) -> str:
        """The name that FOCUS gives it, such as `Invoice Detail`."""
        return " ".join(word if word == "and" else word.capitalize() for word in self.value.split("-"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset.

    `nullable` and `level` are those of the newest version that has it, `nullable_in` and `level_in` those of any.
    `since` and `until` are the first and the last version that has it; `until` is None while it lives on. `unit` says
    what a decimal counts: the column that holds its currency or unit, for prices per another one. `allowed` has the
    values of an enumeration, empty where any value will do. `successors` take over the values of a column that is gone.
    """

    dataset: Dataset
    name: str
    type: ColumnType
    unit: str
    nullable: bool
    level: Level
    since: str
    until: str | None
    successors: tuple[str, ...]
    allowed: tuple[str, ...]
    description: str
    earlier: Mapping[str, tuple[str, str]]

    @property
    def is_summable(self) -> bool:
        """Whether a retraction negates it: costs and quantities, but not prices."""
        return self.type == "decimal" and self.name.endswith(("Cost", "Quantity"))

    @property
    def is_national_currency(self) -> bool:
        """Whether it holds ISO 4217 codes; a PricingCurrency may be virtual."""
        return self.name in {"BillingCurrency", "PaymentCurrency"}

    def belongs_to(self, version: str) -> bool:
        """Whether the column is part of a version such as "1.2"."""
        at = VERSIONS.index(version)
        return VERSIONS.index(self.since) <= at and (self.until is None or at <= VERSIONS.index(self.until))

    def level_in(self, version: str) -> Level:
        """Whether a version wants the column to be there."""
        return cast(Level, self._earlier("level", version) or self.level)

    def nullable_in(self, version: str) -> bool:
        """Whether a version lets values of the column be missing."""
        earlier = self._earlier("nullable", version)
        return self.nullable if earlier is None else earlier == "yes"

    def _earlier(self, what: str, version: str) -> str | None:
        value, until = self.earlier.get(what, (None, VERSIONS[0]))
        return value if VERSIONS.index(version) <= VERSIONS.index(until) else None


def _read() -> Mapping[Dataset, Mapping[str, Column]]:
    allowed: dict[str, tuple[str, ...]] = {}
    for row in _rows("allowed.csv"):
        allowed[row["column"]] = (*allowed.get(row["column"], ()), row["value"])
    found: dict[Dataset, dict[str, Column]] = {dataset: {} for dataset in Dataset}
    for row in _rows("columns.csv"):
        column = _column(row, allowed.get(row["name"], ()))
        found[column.dataset][column.name] = column
    return MappingProxyType({dataset: MappingProxyType(columns) for dataset, columns in found.items()})


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _column(row: dict[str, str], allowed: tuple[str, ...]) -> Column:
    """Read a line. A cell such as `no; yes until 1.3` holds for the newest version, and for the ones before."""
    newest = {what: row[what].partition("; ")[0] for what in ("nullable", "level")}
    changed = {what: row[what].partition("; ")[2].split(" until ") for what in newest if ";" in row[what]}
    return Column(
        dataset=Dataset(row["dataset"]),
        name=row["name"],
        type=cast(ColumnType, row["type"]),
        unit=row["unit"],
        nullable=newest["nullable"] == "yes",
        level=cast(Level, newest["level"]),
        since=row["since"],
        until=row["until"] or None,
        successors=tuple(row["successors"].split()),
        allowed=allowed,
        description=row["description"],
        earlier=MappingProxyType({what: (value, until) for what, (value, until) in changed.items()}),
    )


DATASETS: Final[Mapping[Dataset, Mapping[str, Column]]] = _read()
"""Every column of every dataset and version, by name, in alphabetical order."""

COLUMNS: Final[Mapping[str, Column]] = DATASETS[Dataset.COST_AND_USAGE]
"""The columns of Cost and Usage."""

RENAMED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {column.name: column.successors for column in COLUMNS.values() if column.successors}
)
"""Columns of Cost and Usage that 1.4 no longer has, and the 1.4 columns that take their values."""

CANONICAL: Final[tuple[Column, ...]] = tuple(column for column in COLUMNS.values() if column.until is None)
"""The columns of Cost and Usage 1.4: how Apportion names things inside, whatever version came in."""


def columns_of(version: str, dataset: Dataset = Dataset.COST_AND_USAGE) -> tuple[Column, ...]:
    """The columns of a dataset in one version, such as "1.2"."""
    return tuple(column for column in DATASETS[dataset].values() if column.belongs_to(version))
