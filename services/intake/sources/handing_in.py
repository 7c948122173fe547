"""Uploaded files into intake, in one way for every command: told apart by their columns, as the upload answered.

Files of the other datasets are taken in first, each for itself and with all of its parts; then the Cost and Usage files
are delivered as one. The last of these steps keeps the origins, so that a crash before it repeats all of them: taking a
file in twice publishes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from services.intake.sources.plain import part_pattern
from shared.focus import Dataset
from shared.remote import Refused, Remote

_BROKEN_FILE: Final = 422
_NO_TERMS: Final[Mapping[str, Any]] = MappingProxyType({})


class Uploaded(NamedTuple):
    """A file that intake has: where it lay, and what the upload answered. `rows` is what a manifest says it has."""

    path: str
    name: str
    sha256: str
    dataset: str | None
    rows: int | None = None

    @classmethod
    def answered(cls, path: str, answer: Mapping[str, Any], rows: int | None = None) -> Uploaded:
        """Read an answer to an upload."""
        return cls(path, answer["name"], answer["sha256"], answer["dataset"], rows)

    @property
    def is_other(self) -> bool:
        """Whether it is of a dataset beside Cost and Usage. What is of none is delivered, which says what it lacks."""
        return self.dataset not in {None, Dataset.COST_AND_USAGE}

    def reference(self) -> dict[str, Any]:
        """The file as requests name it."""
        return {"name": self.name, "sha256": self.sha256, "rows": self.rows}


@dataclass
class HandedIn:
    """What came of files: a delivery if there was Cost and Usage, and what was taken or refused of the others."""

    delivery: dict[str, Any] | None = None
    datasets: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def hand_in(
    intake: Remote,
    source: str,
    files: Sequence[Uploaded],
    *,
    origins: Sequence[str] = (),
    terms: Mapping[str, Any] = _NO_TERMS,
    strict: bool = True,
) -> HandedIn:
    """Take files in.

    Args:
        origins: where they came from, if they are never to be taken in again.
        terms: what is said about a delivery.
        strict: end with the first file of another dataset that is refused, before costs are delivered.

    Raises:
        Refused, Unreachable: as intake says; what is refused of the other datasets only if `strict`.
    """
    costs, others = [one for one in files if not one.is_other], _others(files)
    outcome = HandedIn()
    for at, parts in enumerate(others, 1):
        kept = [] if costs or at < len(others) else list(origins)
        body = {"source": source, "files": [part.reference() for part in parts], "origins": kept}
        try:
            taken = intake.post("/v1/datasets", body)
        except Refused as error:
            if strict or error.status != _BROKEN_FILE:
                raise
            outcome.refused.append(error)
        else:
            outcome.datasets.append(taken | {"file": parts[0].name, "parts": len(parts)})
    if costs:
        body = {"source": source, "files": [one.reference() for one in costs], "origins": list(origins), **terms}
        outcome.delivery = intake.post("/v1/deliveries", body)
    return outcome


def taken_line(taken: Mapping[str, Any]) -> str:
    """What came of a file of another dataset, for people."""
    parts = f" and {taken['parts'] - 1} more" * (taken["parts"] > 1)
    return (
        f"{taken['file']}{parts}: {taken['rows']} rows of {taken['dataset']} (FOCUS {taken['version']}), "
        f"{taken['published']} new or changed, {taken['withdrawn']} of them withdrawn"
    )


def _others(files: Sequence[Uploaded]) -> list[list[Uploaded]]:
    """The files of other datasets, the parts of one file together."""
    found: dict[tuple[str | None, str], list[Uploaded]] = defaultdict(list)
    for one in files:
        if one.is_other:
            found[one.dataset, part_pattern(one.path)].append(one)
    return list(found.values())
