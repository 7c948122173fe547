"""What a delivery is: its identity, its scopes, and the states it goes through."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class State(StrEnum):
    """Where a delivery is on its way; see `services.intake.delivering` for what a crash in each one means."""

    RECEIVED = "received"
    HELD = "held"
    RELEASED = "released"
    NORMALISED = "normalised"
    PUBLISHING = "publishing"
    COMPLETE = "complete"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


_NEXT: Final[dict[State, frozenset[State]]] = {
    State.RECEIVED: frozenset({State.NORMALISED, State.HELD, State.REFUSED}),
    State.HELD: frozenset({State.RELEASED, State.RECEIVED, State.CANCELLED, State.SUPERSEDED}),
    State.RELEASED: frozenset({State.NORMALISED, State.HELD, State.REFUSED}),
    State.NORMALISED: frozenset({State.PUBLISHING}),
    State.PUBLISHING: frozenset({State.COMPLETE}),
    State.COMPLETE: frozenset(),
    State.REFUSED: frozenset(),
    State.CANCELLED: frozenset(),
    State.SUPERSEDED: frozenset(),
}

UNFINISHED: Final = tuple(state for state, following in _NEXT.items() if following and state is not State.HELD)
"""The states that a restarted service goes on from; a held delivery waits for a person."""

ENDED: Final = tuple(state for state, following in _NEXT.items() if not following)
"""The states that nothing comes after."""


class ImpossibleStep(RuntimeError):
    """A delivery can't go from one state to the other."""

    def __init__(self, delivery_id: str, state: State, following: State) -> None:
        self.delivery_id, self.state, self.following = delivery_id, state, following
        super().__init__(f"delivery {delivery_id} is {state} and can't become {following}")


def check_step(delivery_id: str, state: State, following: State) -> None:
    """Refuse a step that the state machine does not have. Published events are never taken back.

    Raises:
        ImpossibleStep: if it has no such step.
    """
    if following not in _NEXT[state]:
        raise ImpossibleStep(delivery_id, state, following)


class Scope(NamedTuple):
    """What one delivery replaces as a whole: all rows of a payer in a billing period, from one source."""

    billing_account_id: str
    billing_period: str


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A received file: the name it came under, and the hash that it is archived by.

    `rows` is how many rows the provider's manifest says it has, None if there is none that says so.
    """

    name: str
    sha256: str
    size_bytes: int
    rows: int | None = None


def delivery_id(source: str, ordinal: int, files: Sequence[ArchivedFile]) -> str:
    """Derive the id from the content and from how many deliveries the source made before."""
    parts = [source, str(ordinal), *(f"{file.sha256} {file.name}" for file in files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
