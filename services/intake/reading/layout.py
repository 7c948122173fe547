"""Which column of a file holds what: the header against FOCUS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from services.intake.reading.errors import DuplicateColumn, MissingColumns, NotFocus, OtherDataset
from services.intake.reading.preview import Translation, translations_of
from shared.focus import CANONICAL, COLUMNS, PREVIEW, RENAMED, Column, Dataset, columns_of, sniff_dataset, sniff_version

CUSTOM_PREFIX: Final = "x_"
_RECOGNISED_MIN: Final = 5
_ENDED: Final = tuple(column.name for column in COLUMNS.values() if column.until and not column.successors)
"""Columns that no later version has a place for; they become custom ones."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where values come from.

    `charge` gives the positions that a canonical column is read from; the first that is not null counts. `custom`
    gives the position of each `x_` column, and `unknown` names the columns that only became one here. `translations`
    say how values of a column were spelled in the file's version.
    """

    version: str
    names: tuple[str, ...]
    charge: Mapping[str, tuple[int, ...]]
    custom: Mapping[str, int]
    unknown: tuple[str, ...]
    translations: Mapping[str, Translation]


def layout_of(file: str, header: Sequence[str]) -> Layout:
    """Read a header.

    Raises:
        DuplicateColumn, NotFocus, MissingColumns: if no charge can be read with it.
    """
    names = tuple(name.strip() for name in header)
    version = sniff_version(names)
    unknown = tuple(name for name in names if not name.startswith(CUSTOM_PREFIX) and not _is_column(name, version))
    _check_names(file, names, unknown)
    _check_mandatory(file, version, names)
    translations = translations_of(version, names)
    return Layout(
        version, names, MappingProxyType(_charge(names, version, translations)),
        MappingProxyType(_custom(names, unknown)), unknown, translations,
    )  # fmt: skip


def is_recognised(names: Sequence[str]) -> bool:
    """Whether enough of the columns are FOCUS columns to call it a FOCUS file."""
    return sum(name in COLUMNS for name in names) >= _RECOGNISED_MIN


def _is_column(name: str, version: str) -> bool:
    """Whether a name means a FOCUS column. Those of the preview mean nothing in later versions, which renamed them."""
    return name in COLUMNS and (version == PREVIEW or COLUMNS[name].until != PREVIEW)


def _check_names(file: str, names: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    dataset = sniff_dataset(names)
    if dataset is not Dataset.COST_AND_USAGE:
        raise OtherDataset(file, dataset)
    if not is_recognised(names):
        shown = ", ".join(names[:4])
        raise NotFocus(file, f"none or few of its columns are FOCUS columns (it begins with {shown[:120]!r})")
    if "" in names:
        raise NotFocus(file, f"column {names.index('') + 1} of the header has no name")
    targets = [CUSTOM_PREFIX + name if name in {*unknown, *_ENDED} else name for name in names]
    for target in targets:
        if targets.count(target) > 1:
            raise DuplicateColumn(file, target)


def absent_mandatory(names: Sequence[str], dataset: Dataset = Dataset.COST_AND_USAGE) -> list[Column]:
    """The mandatory columns of the file's version that it has under no name."""
    version = sniff_version(names, dataset)
    present = set(names).union(*(RENAMED[name] for name in names if name in RENAMED))
    return [
        column
        for column in columns_of(version, dataset)
        if column.level_in(version) == "mandatory" and not {column.name, *column.successors} & present
    ]


def _check_mandatory(file: str, version: str, names: tuple[str, ...]) -> None:
    if missing := absent_mandatory(names):
        raise MissingColumns(file, version, [column.name for column in missing])


def _charge(
    names: tuple[str, ...], version: str, translations: Mapping[str, Translation]
) -> dict[str, tuple[int, ...]]:
    sources: dict[str, list[str]] = {column.name: [column.name] for column in CANONICAL}
    for old, successors in RENAMED.items():
        for new in successors if _is_column(old, version) else ():
            sources[new].append(old)
    for name, translation in translations.items():
        sources[name].append(translation.source)
    positions = {
        name: tuple(dict.fromkeys(names.index(one) for one in sources[name] if one in names)) for name in sources
    }
    return {name: found for name, found in positions.items() if found}


def _custom(names: tuple[str, ...], unknown: tuple[str, ...]) -> dict[str, int]:
    own = {name: at for at, name in enumerate(names) if name.startswith(CUSTOM_PREFIX)}
    kept = {CUSTOM_PREFIX + name: names.index(name) for name in (*unknown, *_ENDED) if name in names}
    return dict(sorted({**own, **kept}.items()))
