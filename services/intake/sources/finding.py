"""From a listing to deliveries: by the providers' manifests if there are any, by the files' names if not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from services.intake.sources import aws, azure, plain
from services.intake.sources.errors import ChangedMeanwhile
from services.intake.sources.found import Findings, FoundDelivery, Place
from services.intake.sources.location import Location, StoredFile


def find(location: Location, *, file_by_file: bool) -> Findings:
    """What a place holds now.

    Args:
        file_by_file: without manifests, each file is a delivery of its own; else all of them are one. Parts of one file
            are never torn apart, and files that add rows (Oracle's) are always delivered run by run.

    Raises:
        UnreadablePlace: if it can't be listed.
    """
    place = Place(location, dict(location.listing()))
    findings = Findings()
    by_manifest = [*_of_aws(place, findings), *_of_azure(place, findings)]
    if not by_manifest and not findings.problems and not findings.ignored:
        by_manifest = list(_of_files(place, findings, file_by_file=file_by_file))
    findings.deliveries = sorted(by_manifest, key=lambda one: (one.modified, one.label))
    return findings


def check_unchanged(location: Location, delivery: FoundDelivery) -> None:
    """Look again after all files were read.

    Raises:
        ChangedMeanwhile: if one of them, or the manifest, is not what it was.
    """
    now = location.listing()
    for file in delivery.everything:
        if now.get(file.path) != file:
            raise ChangedMeanwhile(file.path)


def _of_aws(place: Place, findings: Findings) -> Iterator[FoundDelivery]:
    for manifest in aws.manifests(place):
        if made := findings.attempt(manifest.path, partial(aws.delivery, place, manifest)):
            yield made


def _of_azure(place: Place, findings: Findings) -> Iterator[FoundDelivery]:
    read: dict[StoredFile, azure.Manifest] = {}
    for file in azure.candidates(place):
        if manifest := findings.attempt(file.path, partial(azure.focus_manifest, place, file)):
            read[file] = manifest
    for file in azure.newest(read):
        if made := findings.attempt(file.path, partial(azure.delivery, place, file, read[file])):
            yield made


def _of_files(place: Place, findings: Findings, *, file_by_file: bool) -> Iterator[FoundDelivery]:
    files = list(place.files.values())
    exports = [file for file in files if plain.is_export(file)]
    findings.ignored += [file.path for file in files if file not in exports]
    runs = [file for file in exports if plain.is_oracle(place, file)]
    others = [file for file in exports if file not in runs]
    wholes: Sequence[list[StoredFile]] = plain.groups(others) if file_by_file else [others] if others else []
    for group in [*plain.groups(runs), *wholes]:
        label = group[0].path if len(group) == 1 else f"{group[0].path} and {len(group) - 1} more"
        if made := findings.attempt(label, partial(plain.delivery, place, group, label)):
            yield made
