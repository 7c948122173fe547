"""AWS Data Exports: a manifest per billing period, written after the files that it names.

    <export>/metadata/BILLING_PERIOD=2026-01/<export>-Manifest.json
    <export>/data/BILLING_PERIOD=2026-01/<export>-00001.csv.gz                    exports that overwrite
    <export>/data/BILLING_PERIOD=2026-01/<time>-<execution>/<export>-00001...     exports that create new files

The manifest of the partition is the one of its newest execution; those of single executions, where they are kept, lie
one folder deeper. Files that no chosen manifest names are former executions of the same month and count for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from services.intake.sources.errors import MissingFiles, StillWritten, UnreadableManifest
from services.intake.sources.found import FoundDelivery, FoundFile, Place
from services.intake.sources.location import StoredFile

_MANIFEST: Final = re.compile(
    r"(?P<root>(?:.*/)?)metadata/(?P<partition>billing_period=\d{4}-\d{2})/(?:(?P<execution>[^/]+)/)?[^/]*-manifest\.json",
    re.IGNORECASE,
)
_DATA: Final = re.compile(r"(?:^|/)(data/billing_period=\d{4}-\d{2}/.+)$", re.IGNORECASE)
_EXECUTION: Final = re.compile(r"/(?P<time>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)-[^/]+/")


class Manifest(msgspec.Struct, rename="camel", frozen=True):
    """The part of a manifest that matters here."""

    data_files: list[str]


def manifests(place: Place) -> Iterator[StoredFile]:
    """The manifest of the newest execution of each export and billing period."""
    newest: dict[tuple[str, str], tuple[bool, str, StoredFile]] = {}
    for path, file in place.files.items():
        if match := _MANIFEST.fullmatch(path):
            key = (match["root"], match["partition"].lower())
            rank = (match["execution"] is None, match["execution"] or "", file)
            newest[key] = max(newest.get(key, rank), rank)
    yield from (file for *_, file in newest.values())


def delivery(place: Place, manifest: StoredFile) -> FoundDelivery | None:
    """What a manifest promises; None if it names no files, because the period has no charges yet.

    Raises:
        UnreadableManifest, MissingFiles, StillWritten: if it is not all there.
    """
    match = _MANIFEST.fullmatch(manifest.path)
    assert match is not None
    named = [match["root"] + _below_export(manifest, one) for one in _named(place, manifest)]
    missing = [path for path in named if path not in place.files]
    if missing:
        raise MissingFiles(manifest.path, missing)
    files = [place.files[path] for path in named]
    for file in files if place.has_own_clock else ():
        if file.modified > manifest.modified:
            raise StillWritten(manifest.path, file.path)
    label = f"{match['root']}{match['partition']}"
    made = tuple(FoundFile(file) for file in files)
    return FoundDelivery(label, made, manifest, as_of=_made_at(place, manifest, files)) if files else None


def _named(place: Place, manifest: StoredFile) -> list[str]:
    try:
        return msgspec.json.decode(place.location.text(manifest), type=Manifest).data_files
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UnreadableManifest(manifest.path, "it has no list of dataFiles") from None


def _below_export(manifest: StoredFile, named: str) -> str:
    """From `s3://bucket/prefix/export/data/...` to `data/...`, which is the same in a copy."""
    match = _DATA.search(named)
    if match is None:
        raise UnreadableManifest(manifest.path, f"it names {named}, which is in no partition below data/")
    return match[1]


def _made_at(place: Place, manifest: StoredFile, files: list[StoredFile]) -> datetime | None:
    for file in files:
        if match := _EXECUTION.search(file.path):
            return datetime.fromisoformat(match["time"]).astimezone(UTC)
    return manifest.modified if place.has_own_clock else None
