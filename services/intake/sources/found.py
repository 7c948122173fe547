"""What was found in a place: deliveries, and what keeps others from being one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeVar

from services.intake.reading.errors import IntakeRefusal
from services.intake.sources.location import Location, StoredFile

Style = Literal["overwrite", "append"]
T = TypeVar("T")


class FoundFile(NamedTuple):
    """A file of a delivery. `rows` is what a manifest says it has, None if none says so."""

    stored: StoredFile
    rows: int | None = None


@dataclass(frozen=True)
class FoundDelivery:
    """Files that belong together, in the order in which they are read.

    `style` is append where the provider only ever adds files (None: as the source is used to), and `as_of` is when the
    provider made it, None if only this machine's clock says so.
    """

    label: str
    files: tuple[FoundFile, ...]
    made_by: StoredFile | None = None
    style: Style | None = None
    as_of: datetime | None = None

    @property
    def modified(self) -> datetime:
        """When it was complete."""
        if self.as_of is not None:
            return self.as_of
        return max(file.modified for file in self.everything)

    @property
    def everything(self) -> tuple[StoredFile, ...]:
        """Its files, and the manifest that says what they are."""
        files = tuple(file.stored for file in self.files)
        return files if self.made_by is None else (*files, self.made_by)

    def origins(self) -> list[str]:
        """Hashes of what it was made from: one of all files, or, where each file adds rows of its own, one of each."""
        if self.style == "append":
            return [_hash([file.stored]) for file in self.files]
        return [_hash(self.everything)]


@dataclass
class Findings:
    """Deliveries, oldest first, and why other files are none (yet)."""

    deliveries: list[FoundDelivery] = field(default_factory=list)
    problems: list[IntakeRefusal] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def attempt(self, path: str, make: Callable[[], T | None]) -> T | None:
        """What is made of a file; None if it is refused, which is a problem, or if nothing comes of it: ignored."""
        try:
            made = make()
        except IntakeRefusal as problem:
            self.problems.append(problem)
            return None
        if made is None:
            self.ignored.append(path)
        return made


class Place(NamedTuple):
    """A location and what it holds at a moment."""

    location: Location
    files: dict[str, StoredFile]

    @property
    def has_own_clock(self) -> bool:
        """Whether times of change are the provider's, and not those of a copy."""
        return not self.location.is_local


def _hash(files: Sequence[StoredFile]) -> str:
    parts = [f"{file.path}\n{file.size_bytes}\n{file.version}" for file in sorted(files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
