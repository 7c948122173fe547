"""How a source delivers, and what that means for the rows that are in force.

*Overwrite*: a delivery is the whole truth about the payers and periods in it. *Append*: a delivery adds rows, and
nothing that is in force is ever taken back; rows that are in force already are recognised and not added again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.intake.domain.delivery import Scope
from services.intake.domain.findings import Noted


class Style(StrEnum):
    """What a source's deliveries are."""

    OVERWRITE = "overwrite"
    APPEND = "append"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the deliverer says about a delivery besides its files.

    Args:
        style: None for what the source is known to do; a source that nobody spoke about overwrites.
        change_style: the source delivers in another way from now on.
        as_of: when the provider made the snapshot; None if nobody knows.
        mends: deliveries of the source whose refused rows this one brings in readable form.
        reject_limit: rows or share of the rows that may be refused before it is held; None for what the settings say.
    """

    style: Style | None = None
    change_style: bool = False
    as_of: datetime | None = None
    mends: tuple[str, ...] = ()
    reject_limit: str | None = None


class StyleDiffers(ValueError):
    """A delivery declares another style than its source is known for, and does not ask for a change."""

    def __init__(self, source: str, known: Style, asked: Style) -> None:
        self.source, self.known, self.asked = source, known, asked
        super().__init__(
            f"source {source} delivers by {known}, not by {asked}; leave the style out, use another source name, or "
            "say that it changes (--change-style), after which "
            + ("each delivery replaces what is in force" if asked is Style.OVERWRITE else "deliveries only add rows")
        )


class UnknownMended(ValueError):
    """A delivery says that it mends one which its source never made."""

    def __init__(self, source: str, delivery_id: str) -> None:
        super().__init__(
            f"source {source} has no delivery {delivery_id} to mend; `apportion intake deliveries` lists them"
        )


class OlderThanInForce(ValueError):
    """A snapshot is older than the one that is in force for some of its scopes."""

    def __init__(self, as_of: datetime, newer: Mapping[Scope, datetime]) -> None:
        self.as_of, self.newer = as_of, dict(newer)
        (first, in_force), *others = sorted(newer.items())
        more = f" (and of {len(others)} more)" if others else ""
        super().__init__(
            f"this snapshot is as of {as_of.isoformat()}, but the one in force for {first.billing_account_id} in "
            f"{first.billing_period}{more} is as of {in_force.isoformat()}; nothing was changed. If it is right "
            "all the same, deliver it without its time, and it counts as the newest"
        )


class SameFileTwice(ValueError):
    """A snapshot has a file twice, so that its rows would count twice."""

    def __init__(self, name: str, first: str, rows: int) -> None:
        self.name, self.first, self.rows = name, first, rows
        same = "is there twice" if name == first else f"is byte for byte {first}"
        super().__init__(f"{name}: it {same}, so that its {rows:,} rows would count twice; deliver it once")


def style_of(source: str, known: Style | None, terms: Terms) -> Style:
    """The style of a delivery.

    Raises:
        StyleDiffers: if it is another one than the source's, and no change is asked for.
    """
    asked = terms.style or known or Style.OVERWRITE
    if known is not None and asked is not known and not terms.change_style:
        raise StyleDiffers(source, known, asked)
    return asked


def check_age(as_of: datetime | None, in_force: Mapping[Scope, datetime]) -> None:
    """Refuse a snapshot that is older than what it would replace; one whose time nobody knows is the newest.

    Raises:
        OlderThanInForce: naming the scopes.
    """
    if as_of is not None and (newer := {scope: time for scope, time in in_force.items() if time > as_of}):
        raise OlderThanInForce(as_of, newer)


def check_files_differ(files: Iterable[tuple[str, str, int]]) -> None:
    """Refuse a snapshot with copies of a file. Rows may be equal, and empty parts of an export are.

    Args:
        files: name, sha256 and number of rows of each.

    Raises:
        SameFileTwice: naming the second.
    """
    names: dict[str, str] = {}
    for name, sha256, rows in files:
        if rows and sha256 in names:
            raise SameFileTwice(name, names[sha256], rows)
        names[sha256] = name


def known_before(files: int, rows: int) -> Iterator[Noted]:
    """What an append delivery brings that the source delivered before."""
    if files:
        yield Noted(
            "files-delivered-before",
            f"{files} of the files were delivered before, byte for byte, and add nothing",
            0,
        )  # fmt: skip
    if rows:
        yield Noted(
            "rows-delivered-before",
            "rows equal to rows that are in force were not added again; if they are further charges, deliver the files "
            "of one export together, or add an x_ column that tells them apart",
            rows,
        )


def delivered_elsewhere(sources: Sequence[str]) -> Iterator[Noted]:
    """What a delivery brings that other sources have in force: sources are never compared, so it counts twice."""
    if sources:
        yield Noted(
            "files-of-another-source",
            f"files of this delivery are in force for {', '.join(sources)} too, byte for byte, so that their costs "
            "count twice; deliver them under one name",
            0,
        )
