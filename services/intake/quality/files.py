"""A delivery's quality report and its rejected rows, kept beside the archive.

    <data>/archive/quality/<delivery id>/report.json
    <data>/archive/quality/<delivery id>/rejected.jsonl     one rejected row a line; not there if none was

They are on disk before the delivery's next state is committed; planning the delivery again writes the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from services.intake.archive import sync
from services.intake.domain.rejection import Rejection
from services.intake.quality.report import Report
from shared.events import decode, encode


class QualityFiles:
    """What intake keeps about the quality of each delivery."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / "archive" / "quality"
        self._directory.mkdir(parents=True, exist_ok=True)

    def keep(self, report: Report, rejections: Iterable[Rejection]) -> None:
        """Write both files durably. Blocking."""
        directory = self._directory / report.delivery_id
        directory.mkdir(exist_ok=True)
        if report.rows.rejected:
            _replace(self.rejected(report.delivery_id), (_line(rejection) for rejection in rejections))
        _replace(directory / "report.json", [encode(report)])
        sync(self._directory)

    def report(self, delivery_id: str) -> Report | None:
        """The report; None if the delivery has none yet, or could not be read."""
        path = self._directory / delivery_id / "report.json"
        return decode(Report, path.read_bytes()) if path.exists() else None

    def rejected(self, delivery_id: str) -> Path:
        """Where the rejected rows are, if there are any."""
        return self._directory / delivery_id / "rejected.jsonl"


def _line(rejection: Rejection) -> bytes:
    fields = msgspec.to_builtins(rejection)
    return msgspec.json.encode({"code": rejection.code, "message": rejection.message, **fields}) + b"\n"


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync(path.parent)
