"""What every rejection, flag, finding, sum rule and hold means, and what to do: one list for reports and docs."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, cast

Kind = Literal["rejection", "flag", "finding", "sum-rule", "hold"]


class Entry(NamedTuple):
    """One code. `columns` are those whose values an example shows."""

    code: str
    kind: Kind
    title: str
    means: str
    do: str
    columns: tuple[str, ...]


def _read() -> Mapping[str, Entry]:
    text = resources.files(__package__).joinpath("catalogue.csv").read_text(encoding="utf-8")
    return MappingProxyType({row["code"]: _entry(row) for row in csv.DictReader(text.splitlines())})


def _entry(row: dict[str, str]) -> Entry:
    kind = cast(Kind, row["kind"])
    return Entry(row["code"], kind, row["title"], row["means"], row["do"], tuple(row["columns"].split()))


CATALOGUE: Final = _read()
"""Every code, in the order of the documentation."""
