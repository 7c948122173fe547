"""Azure Cost Management exports: a folder per run, with its partitions and a manifest that says how long each is.

    <directory>/<export>/<first day>-<last day>/<run>/manifest.json, part_0_0001.csv.gz ...

A daily export adds a run each day, or overwrites the former one; each run is all of the month so far, so that only the
newest run of an export and month counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

import msgspec

from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.sources.errors import MissingFiles, PartOfMonth, SizeDiffers, UnreadableManifest
from services.intake.sources.found import FoundDelivery, FoundFile, Place
from services.intake.sources.location import StoredFile

_MANIFEST: Final = re.compile(r"(?:.*/)?_?manifest\.json", re.IGNORECASE)
_FOCUS: Final = "focuscost"


class Blob(msgspec.Struct, rename="camel", frozen=True):
    """One partition, named from the container's root."""

    blob_name: str
    byte_count: int | None = None
    data_row_count: int | None = None


class ExportConfig(msgspec.Struct, rename="camel", frozen=True):
    """Which export it is."""

    export_name: str
    type: str
    resource_id: str = ""


class RunInfo(msgspec.Struct, rename="camel", frozen=True):
    """Which run of it, and of which days."""

    submitted_time: str
    start_date: str
    run_id: str = ""


class Manifest(msgspec.Struct, rename="camel", frozen=True):
    """The part of `manifest.json` that matters here."""

    export_config: ExportConfig
    run_info: RunInfo
    blobs: list[Blob]
    blob_count: int | None = None
    byte_count: int | None = None
    data_row_count: int | None = None


def candidates(place: Place) -> Iterator[StoredFile]:
    """Files named as Azure names manifests."""
    yield from (file for path, file in place.files.items() if _MANIFEST.fullmatch(path))


def focus_manifest(place: Place, file: StoredFile) -> Manifest | None:
    """Read a manifest; None if it is no export of FOCUS data: actual cost, prices, reservations may lie beside it.

    Raises:
        UnreadableManifest: if it is no manifest of Cost Management, or its sums are not those of its parts.
    """
    try:
        manifest = msgspec.json.decode(place.location.text(file), type=Manifest)
        utc_text(manifest.run_info.submitted_time[:_SECONDS] + "Z")
    except (msgspec.MsgspecError, UnicodeDecodeError, NotAnInstant) as error:
        raise UnreadableManifest(file.path, f"not a manifest of Azure Cost Management ({error})") from None
    _check_sum(file, "blobs", manifest.blob_count, [1 for _ in manifest.blobs])
    _check_sum(file, "bytes", manifest.byte_count, [blob.byte_count for blob in manifest.blobs])
    _check_sum(file, "rows", manifest.data_row_count, [blob.data_row_count for blob in manifest.blobs])
    return manifest if manifest.export_config.type.lower().startswith(_FOCUS) else None


def newest(found: dict[StoredFile, Manifest]) -> list[StoredFile]:
    """The manifest of the newest run of each export and first day."""
    chosen: dict[tuple[str, str, str], StoredFile] = {}
    for file in sorted(found, key=lambda one: (_submitted(found[one]), one)):
        export = found[file].export_config
        chosen[export.resource_id.lower(), export.export_name.lower(), found[file].run_info.start_date[:10]] = file
    return sorted(chosen.values())


def delivery(place: Place, file: StoredFile, manifest: Manifest) -> FoundDelivery | None:
    """What a manifest promises; None if that is no rows.

    Raises:
        MissingFiles, SizeDiffers: if it is not all there. PartOfMonth: if it is no snapshot of a month.
    """
    start = manifest.run_info.start_date[:10]
    if not start.endswith("-01"):
        raise PartOfMonth(file.path, start)
    folder = PurePosixPath(file.path).parent
    blobs = {str(folder / PurePosixPath(blob.blob_name.strip()).name): blob for blob in manifest.blobs}
    missing = [path for path in blobs if path not in place.files]
    if missing:
        raise MissingFiles(file.path, missing)
    for path, blob in blobs.items():
        size = place.files[path].size_bytes
        if blob.byte_count not in {None, size}:
            raise SizeDiffers(file.path, path, blob.byte_count or 0, size)
    files = tuple(
        FoundFile(place.files[path], blob.data_row_count) for path, blob in blobs.items() if blob.data_row_count != 0
    )
    label = f"{manifest.export_config.export_name} {start[:7]}"
    return FoundDelivery(label, files, file, as_of=_submitted(manifest)) if files else None


_SECONDS: Final = len("2026-01-01T00:00:00")


def _submitted(manifest: Manifest) -> datetime:
    """Azure writes seven decimals of a second."""
    text = manifest.run_info.submitted_time
    whole, fraction = text[:_SECONDS], re.sub(r"\D", "", text[_SECONDS:])[:6]
    return datetime.fromisoformat(f"{whole}.{fraction or 0:0<6}+00:00")


def _check_sum(file: StoredFile, what: str, promised: int | None, parts: list[int | None]) -> None:
    known = [part for part in parts if part is not None]
    if promised is not None and len(known) == len(parts) and sum(known) != promised:
        raise UnreadableManifest(file.path, f"its partitions have {sum(known):,} {what}, but it says {promised:,}")
