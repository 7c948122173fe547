"""From a place into intake: upload what was found, then say that it is one delivery, or a file of another dataset.

Steps of one delivery, and what a crash after each means:

1. the files are uploaded: they are in the archive under their hashes; uploading them again finds them there;
2. the place is listed again: if a file changed while it was read, nothing happens, and it is found anew;
3. files of other datasets are taken in, then the delivery is created together with its origins in one transaction
   (`handing_in`): after a crash before it, 1 to 3 are repeated, and files that were taken in publish nothing; after one
   behind it, intake knows the origins and nobody delivers them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from services.intake.sources.finding import check_unchanged
from services.intake.sources.found import FoundDelivery
from services.intake.sources.handing_in import HandedIn, Uploaded, hand_in
from services.intake.sources.location import Location, StoredFile
from shared import failpoints
from shared.remote import Remote

_NO_TERMS: Final[Mapping[str, Any]] = MappingProxyType({})

Progress = Callable[[str, int, int], None]
"""Called with a file's path, the bytes of it that were sent, and its size."""


def undelivered(intake: Remote, source: str, found: list[FoundDelivery]) -> list[FoundDelivery]:
    """What intake does not know yet. Of files that add rows, those that came after the others of their run."""
    origins = sorted({origin for one in found for origin in one.origins()})
    known = set(intake.post("/v1/origins/known", {"source": source, "origins": origins}))
    new = (_without(one, known) for one in found)
    return [one for one in new if one.files]


def hand_over(
    intake: Remote,
    location: Location,
    source: str,
    found: FoundDelivery,
    progress: Progress,
    *,
    once: bool,
    terms: Mapping[str, Any] = _NO_TERMS,
) -> HandedIn:
    """Take files in.

    Args:
        once: do nothing if the source has delivered exactly this before; then a file of another dataset that is refused
            does not keep the others back.
        terms: what a person says about the delivery; it counts more than what the place says.

    Raises:
        UnreadablePlace, ChangedMeanwhile: nothing was delivered. Refused, Unreachable: as intake says.
    """
    files = []
    for file, rows in found.files:
        sent = intake.send("/v1/files", file.name, _watched(location.blocks(file), file, progress))
        files.append(Uploaded.answered(file.path, sent, rows))
    check_unchanged(location, found)
    failpoints.reach("intake.handing-over.uploaded")
    origins = found.origins() if once else []
    handed = hand_in(intake, source, files, origins=origins, terms={**_terms(found), **terms}, strict=not once)
    failpoints.reach("intake.handing-over.created")
    return handed


def _without(found: FoundDelivery, known: set[str]) -> FoundDelivery:
    if found.style == "append":
        pairs = zip(found.files, found.origins(), strict=True)
        return replace(found, files=tuple(file for file, origin in pairs if origin not in known))
    return replace(found, files=()) if found.origins()[0] in known else found


def _terms(found: FoundDelivery) -> dict[str, Any]:
    """What the provider's way of delivering says about the files."""
    terms: dict[str, Any] = {} if found.style is None else {"style": found.style}
    return terms if found.as_of is None else terms | {"as_of": found.as_of.isoformat()}


def _watched(blocks: Iterator[bytes], file: StoredFile, progress: Progress) -> Iterator[bytes]:
    sent = 0
    for block in blocks:
        yield block
        sent += len(block)
        progress(file.path, sent, file.size_bytes)
