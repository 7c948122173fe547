"""What if a team moves: the rule set as if its cost centers table said that one ends, and who comes after it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from services.allocator.loading import Bundle
from services.allocator.loading.days import day_before
from services.allocator.loading.problems import START, problems_of
from shared.documents import Text, read_document

_MOVE: Final = re.compile(r"([^:]+):([^:]+)(?::(\d{4}-\d{2}-\d{2}))?")


class Move(NamedTuple):
    """From a day on, `to` takes what `cost_center` took."""

    cost_center: str
    to: str
    day: str


class MoveInvalid(ValueError):
    """A move that makes no sense, and how to write one."""


def read_move(text: str, billing_period: str) -> Move:
    """Read `CC-100:CC-200` or `CC-100:CC-200:2026-01-17`; without a day it is the first of the billing period.

    Raises:
        MoveInvalid: if it is neither.
    """
    found = _MOVE.fullmatch(text)
    if found is None:
        raise MoveInvalid(f"{text!r} is no move: write CC-100:CC-200 or CC-100:CC-200:{billing_period}-17")
    return Move(found[1], found[2], found[3] or f"{billing_period}-01")


def moved(bundle: Bundle, moves: Iterable[Move]) -> Bundle:
    """The bundle with another cost centers table: each mover ends the day before, and has a successor.

    Raises:
        MoveInvalid: if the table has no such cost center.
    """
    for move in moves:
        bundle = _moved(bundle, move)
    return bundle


def _moved(bundle: Bundle, move: Move) -> Bundle:
    name = _cost_centers(bundle)
    rows = list(csv.DictReader(io.StringIO(bundle.files.get(name, ""), newline="")))
    known = {row.get("cost_center_id", "").strip(): row for row in rows}
    for cost_center in move[:2]:
        if cost_center not in known:
            raise MoveInvalid(f"{name} has no cost center {cost_center!r} that could move")
    known[move.cost_center] |= {"valid_to": day_before(move.day), "successor": move.to}
    columns = list(dict.fromkeys([*rows[0], "valid_to", "successor"]))
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return replace(bundle, files={**bundle.files, name: written.getvalue()})


def _cost_centers(bundle: Bundle) -> str:
    """The name of the cost centers table."""
    problems = problems_of(bundle.document_name)
    top = read_document(bundle.document, problems, START)
    problems.raise_if_any()
    node = top.items.get("cost_centers") if top else None
    return node.text if isinstance(node, Text) else ""
