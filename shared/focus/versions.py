"""Which version of FOCUS a file follows. Files rarely say it, so the columns have to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from shared.focus.columns import COLUMNS

VERSIONS: Final = ("1.0", "1.1", "1.2", "1.3", "1.4")

_DROPPED_IN_1_4: Final = frozenset({"ProviderName", "PublisherName"})


def sniff_version(names: Collection[str]) -> str:
    """Tell the version from the column names: the newest one that introduced any of them.

    A file with the columns of 1.3 is 1.4 once it has dropped the names that 1.4 removed.
    """
    version = max((COLUMNS[name].since for name in names if name in COLUMNS), default=VERSIONS[0])
    if version == "1.3" and not _DROPPED_IN_1_4.intersection(names):
        return "1.4"
    return version
