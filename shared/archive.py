"""The archive of costs as other programs read it: which archived rows are in force for a billing period.

    <archive>/deliveries/<delivery id>.json        what a completed delivery put in force, and in which order
    <archive>/rows/<delivery id>/<period>.parquet  its rows, see `docs/file-formats.md`

Intake alone writes it; nothing in it ever changes. So a month can be allocated again without a running stack, and two
years later.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

_DELIVERIES, _ROWS = "deliveries", "rows"


class ArchiveUnreadable(ValueError):
    """A directory that is no archive, or lacks a part of one."""


class ArchivedDelivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a delivery put in force: for each scope (payer, billing period) its rows, alone or beside those before.

    A withdrawal has no rows: it takes back what was in force for its scopes.
    """

    delivery_id: str
    source: str
    ordinal: int
    style: Literal["overwrite", "append", "withdrawal"]
    scopes: list[tuple[str, str]]


class RowsInForce(NamedTuple):
    """Archived rows of one billing period: those of some payers, in one file."""

    path: Path
    billing_account_ids: tuple[str, ...]


def keep(archive: Path, delivery: ArchivedDelivery) -> None:
    """Note what a delivery puts in force; the note appears whole, and survives a loss of power. Again is the same."""
    directory = archive / _DELIVERIES
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".", delete=False) as file:
        file.write(msgspec.json.format(msgspec.json.encode(delivery)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(directory / f"{delivery.delivery_id}.json")


def has(archive: Path, delivery_id: str) -> bool:
    """Whether it is noted what a delivery put in force."""
    return (archive / _DELIVERIES / f"{delivery_id}.json").is_file()


def in_force(archive: Path, billing_period: str, known: Collection[str] | None = None) -> list[RowsInForce]:
    """The rows that hold for a billing period, of all sources, in a fixed order.

    Args:
        known: instead of now, when of the deliveries with rows of the period there were only these.

    Raises:
        ArchiveUnreadable: if the directory is no archive, or a file that should be there is not.
    """
    by_scope: dict[tuple[str, str], list[str]] = {}
    for delivery in _deliveries(archive):
        if known is not None and delivery.delivery_id not in known:
            continue
        for account, period in delivery.scopes:
            if period == billing_period:
                kept = by_scope.get((delivery.source, account), []) if delivery.style == "append" else []
                by_scope[delivery.source, account] = (
                    kept if delivery.style == "withdrawal" else [*kept, delivery.delivery_id]
                )
    accounts: dict[str, list[str]] = defaultdict(list)
    for (_, account), delivery_ids in sorted(by_scope.items()):
        for delivery_id in delivery_ids:
            accounts[delivery_id].append(account)
    found = []
    for delivery_id, payers in sorted(accounts.items()):
        path = archive / _ROWS / delivery_id / f"{billing_period}.parquet"
        if not path.is_file():
            raise ArchiveUnreadable(f"{path} is missing: restore it from a backup of the archive")
        found.append(RowsInForce(path, tuple(payers)))
    return found


def _deliveries(archive: Path) -> list[ArchivedDelivery]:
    directory = archive / _DELIVERIES
    if not directory.is_dir():
        raise ArchiveUnreadable(
            f"{archive} is no archive of costs, it has no {_DELIVERIES}/: name the directory `archive` of intake's data"
        )
    decode = msgspec.json.Decoder(ArchivedDelivery).decode
    found = []
    for path in directory.glob("[!.]*.json"):
        try:
            found.append(decode(path.read_bytes()))
        except (OSError, msgspec.MsgspecError) as error:
            raise ArchiveUnreadable(f"{path} can't be read: {error}") from error
    return sorted(found, key=lambda one: (one.source, one.ordinal))
