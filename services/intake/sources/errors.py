"""Why what lies in a place is not delivered. One class per rule; each message names the place and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.intake.reading.errors import IntakeRefusal

_SHOWN: Final = 3


class UnreadablePlace(Exception):
    """A folder or a URL that can't be listed or read. Its message holds no credentials."""


class UnreadableManifest(IntakeRefusal):
    """A provider's manifest that does not say what it has to."""

    code = "manifest-unreadable"

    def __init__(self, manifest: str, what: str) -> None:
        super().__init__(manifest, f"{what}; run the export again, or deliver its files by their names")


class MissingFiles(IntakeRefusal):
    """The manifest names files that are not there."""

    code = "manifest-files-missing"

    def __init__(self, manifest: str, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        super().__init__(manifest, f"it names {shown}, not there; wait until the export or the copy is complete")


class SizeDiffers(IntakeRefusal):
    """A file is longer or shorter than its manifest says."""

    code = "manifest-size-differs"

    def __init__(self, manifest: str, file: str, promised: int, found: int) -> None:
        self.file_named, self.promised, self.found = file, promised, found
        super().__init__(
            manifest,
            f"{file} has {found:,} bytes, but the manifest says {promised:,}; wait until the export or the copy is "
            "complete",
        )


class StillWritten(IntakeRefusal):
    """An export whose files are newer than the manifest that says what they are."""

    code = "manifest-outdated"

    def __init__(self, manifest: str, file: str) -> None:
        super().__init__(manifest, f"{file} is newer than its manifest; the export is being written, so wait")


class PartOfMonth(IntakeRefusal):
    """An export of a range that does not begin with a month: taken as the month, it would retract the rest of it."""

    code = "manifest-part-of-month"

    def __init__(self, manifest: str, start: str) -> None:
        super().__init__(
            manifest, f"the export begins at {start}, in the middle of a month; export the month from its first day"
        )


class MissingPart(IntakeRefusal):
    """The numbers of a file's parts have a gap."""

    code = "part-missing"

    def __init__(self, first: str, number: int) -> None:
        super().__init__(first, f"part {number:05d} of this file is missing; wait until the export is complete")


class PartitionWithoutManifest(IntakeRefusal):
    """The data folder of AWS Data Exports without its metadata: it may hold several executions of one month."""

    code = "manifest-missing"

    def __init__(self, file: str) -> None:
        super().__init__(
            file, "a partition of AWS Data Exports without manifest; name the folder that holds data/ and metadata/"
        )


class ChangedMeanwhile(IntakeRefusal):
    """A file changed while it was read, so that nobody knows what was read."""

    code = "changed-while-read"

    def __init__(self, place: str) -> None:
        super().__init__(place, "it changed while it was read; nothing of it was delivered, so try again")


class NothingToDeliver(IntakeRefusal):
    """A place without any export."""

    code = "nothing-found"

    def __init__(self, place: str) -> None:
        super().__init__(place, "no exports there: no provider's manifest, and no file named .csv, .jsonl or .parquet")
