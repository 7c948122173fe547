"""Reading Invoice Detail, Billing Period and Contract Commitment: strictly, row by row, the whole file or nothing.

They are small and say what is owed, closed or promised, so that a row that breaks a rule of FOCUS refuses its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from services.intake.domain.amounts import NotAnAmount, exact_amount
from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.reading.errors import DuplicateColumn, EmptyFile, MissingColumns, NotFocus, RefusedRow
from services.intake.reading.layout import CUSTOM_PREFIX
from services.intake.reading.objects import NotAnObject, canonical_object
from services.intake.reading.tables import Row, table_rows, text_or_none
from shared.focus import DATASETS, Column, Dataset, columns_of, sniff_dataset, sniff_version
from shared.money import UnknownCurrency, minor_unit


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One row: canonical texts by FOCUS column (JSON columns as JSON), and the other columns under `x_` names."""

    line: int
    values: dict[str, str]
    custom: dict[str, str]


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """A recognised file; its rows are read when they are asked for."""

    dataset: Dataset
    version: str
    rows: Iterator[DatasetRow]


class NamedPart(NamedTuple):
    """A file, or one part of it: where it lies, what it is called, how many rows a manifest says it has (if any)."""

    path: Path
    name: str
    rows: int | None = None


def open_parts(parts: Sequence[NamedPart]) -> list[DatasetFile]:
    """Recognise the parts of one file.

    Raises:
        IntakeRefusal: as `open_dataset` says, and if they are not of one dataset.
    """
    opened = [open_dataset(part.path, part.name) for part in parts]
    for part, one in zip(parts, opened, strict=True):
        if one.dataset is not opened[0].dataset:
            raise NotFocus(part.name, f"{parts[0].name} beside it is {opened[0].dataset.display_name}, and this is not")
    return opened


def open_dataset(path: Path, name: str) -> DatasetFile:
    """Recognise a file by its columns and prepare to read it.

    Raises:
        IntakeRefusal: if it can't be taken in; while its rows are read, naming line, column, value and rule.
    """
    header, rows = table_rows(path, name)
    names = [column.strip() for column in header]
    dataset = sniff_dataset(names)
    if dataset is Dataset.COST_AND_USAGE:
        raise NotFocus(name, "it is none of Invoice Detail, Billing Period and Contract Commitment")
    version = sniff_version(names, dataset)
    _check_columns(name, names, dataset, version)
    return DatasetFile(dataset, version, _rows(name, _targets(names, dataset), dataset, version, rows))


def _check_columns(file: str, names: list[str], dataset: Dataset, version: str) -> None:
    targets = _targets(names, dataset)
    for target in targets:
        if targets.count(target) > 1:
            raise DuplicateColumn(file, target)
    mandatory = (column.name for column in columns_of(version, dataset) if column.level_in(version) == "mandatory")
    if missing := [name for name in mandatory if name not in names]:
        raise MissingColumns(file, f"{version} {dataset.display_name}", missing)


def _targets(names: list[str], dataset: Dataset) -> list[str]:
    known = DATASETS[dataset]
    return [name if name in known or name.startswith(CUSTOM_PREFIX) else CUSTOM_PREFIX + name for name in names]


def _rows(file: str, targets: list[str], dataset: Dataset, version: str, rows: Iterator[Row]) -> Iterator[DatasetRow]:
    columns = {name: column for name, column in DATASETS[dataset].items() if name in targets}
    empty = True
    for line, cells in rows:
        empty = False
        given = {name: text for name, cell in zip(targets, cells, strict=True) if (text := text_or_none(cell))}
        values = {name: _value(file, line, column, given.get(name), version) for name, column in columns.items()}
        yield DatasetRow(
            line, {name: value for name, value in values.items() if value is not None},
            {name: text for name, text in sorted(given.items()) if name not in columns},
        )  # fmt: skip
    if empty:
        raise EmptyFile(file, "the file has a header but no rows")


def _value(file: str, line: int, column: Column, text: str | None, version: str) -> str | None:
    if text is None:
        if column.nullable_in(version):
            return None
        raise RefusedRow(file, line, column.name, None, "FOCUS needs a value here")
    try:
        return _canonical(column, text)
    except _Broken as broken:
        raise RefusedRow(file, line, column.name, text, broken.rule) from None


class _Broken(ValueError):
    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


def _canonical(column: Column, text: str) -> str:
    if column.allowed and text not in column.allowed:
        raise _Broken(f"must be one of {', '.join(column.allowed)}")
    try:
        if column.type == "decimal":
            return _amount(column, text)
        if column.type == "datetime":
            return utc_text(text)
        if column.is_national_currency:
            minor_unit(text)
        return canonical_object(text) if column.type == "json" else text
    except NotAnAmount as error:
        raise _Broken(error.rule) from None
    except NotAnInstant as error:
        raise _Broken(error.rule) from None
    except UnknownCurrency:
        raise _Broken("must be an ISO 4217 currency code such as USD") from None
    except NotAnObject:
        raise _Broken("must be a JSON object") from None


def _amount(column: Column, text: str) -> str:
    amount = exact_amount(text)
    if amount.residue:
        raise _Broken("must have at most 18 decimals")
    if column.unit.startswith("share") and not 0 <= Decimal(amount.digits) <= 1:
        raise _Broken("must be a share from 0 to 1")
    return amount.digits
