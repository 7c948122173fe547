"""Which column of a file holds what: the header against FOCUS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from services.intake.reading.errors import DuplicateColumn, MissingColumns, NotFocus
from shared.focus import CANONICAL, COLUMNS, RENAMED, columns_of, sniff_version

CUSTOM_PREFIX: Final = "x_"
_RECOGNISED_MIN: Final = 5
_INVOICE_DETAIL: Final = "InvoiceIssueStatus"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where values come from.

    `charge` gives the positions that a canonical column is read from; the first that is not null counts. `custom`
    gives the position of each `x_` column, and `unknown` names the columns that only became one here.
    """

    version: str
    names: tuple[str, ...]
    charge: Mapping[str, tuple[int, ...]]
    custom: Mapping[str, int]
    unknown: tuple[str, ...]


def layout_of(file: str, header: Sequence[str]) -> Layout:
    """Read a header.

    Raises:
        DuplicateColumn, NotFocus, MissingColumns: if no charge can be read with it.
    """
    names = tuple(name.strip() for name in header)
    _check_names(file, names)
    version = sniff_version(names)
    _check_mandatory(file, version, names)
    return Layout(version, names, MappingProxyType(_charge(names)), MappingProxyType(_custom(names)), _unknown(names))


def is_recognised(names: Sequence[str]) -> bool:
    """Whether enough of the columns are FOCUS columns to call it a FOCUS file."""
    return sum(name in COLUMNS for name in names) >= _RECOGNISED_MIN


def _check_names(file: str, names: tuple[str, ...]) -> None:
    if not is_recognised(names):
        shown = ", ".join(names[:4])
        raise NotFocus(file, f"none or few of its columns are FOCUS columns (it begins with {shown[:120]!r})")
    if _INVOICE_DETAIL in names:
        raise NotFocus(file, "this is an Invoice Detail file, which belongs to the option --provider-invoices")
    if "" in names:
        raise NotFocus(file, f"column {names.index('') + 1} of the header has no name")
    targets = [name if name in COLUMNS or name.startswith(CUSTOM_PREFIX) else CUSTOM_PREFIX + name for name in names]
    for target in targets:
        if targets.count(target) > 1:
            raise DuplicateColumn(file, target)


def _check_mandatory(file: str, version: str, names: tuple[str, ...]) -> None:
    present = set(names) | {RENAMED[name] for name in names if name in RENAMED}
    missing = [
        column.name
        for column in columns_of(version)
        if column.level == "mandatory" and not {column.name, RENAMED.get(column.name, column.name)} & present
    ]
    if missing:
        raise MissingColumns(file, version, missing)


def _charge(names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    former = {new: old for old, new in RENAMED.items()}
    sources = {
        column.name: tuple(
            names.index(name) for name in (column.name, former.get(column.name, "")) if name and name in names
        )
        for column in CANONICAL
    }
    return {name: positions for name, positions in sources.items() if positions}


def _custom(names: tuple[str, ...]) -> dict[str, int]:
    own = {name: at for at, name in enumerate(names) if name.startswith(CUSTOM_PREFIX)}
    unknown = {CUSTOM_PREFIX + name: names.index(name) for name in _unknown(names)}
    return dict(sorted({**own, **unknown}.items()))


def _unknown(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in COLUMNS and not name.startswith(CUSTOM_PREFIX))
