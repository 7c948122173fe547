"""A zip archive whose bytes depend on its content alone."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any, Final

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_READABLE: Final = 0o644 << 16


class FixedZipFile(zipfile.ZipFile):
    """Gives every member the same date, system and mode, so that two builds of one workbook are the same file.

    Every member is deflated at the default level, whatever a caller of `write` asks for.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w", zipfile.ZIP_DEFLATED)

    def write(self, filename: Any, arcname: Any = None, *_compression: Any, **_options: Any) -> None:
        """Add a file from disk, in pieces: a sheet may be large."""
        source = Path(filename)
        member = _member(arcname or filename)
        member.file_size = source.stat().st_size
        with source.open("rb") as read, self.open(member, "w") as written:
            shutil.copyfileobj(read, written)

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_compression: Any, **_options: Any) -> None:
        """Add a member from memory."""
        super().writestr(_member(zinfo_or_arcname), data)


def _member(name: Any) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(str(name), _DATE)
    member.create_system = _UNIX
    member.external_attr = _READABLE
    member.compress_type = zipfile.ZIP_DEFLATED
    return member
