"""Looking at a place again and again, and delivering what is new, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from services.intake.reading.errors import IntakeRefusal
from services.intake.sources.errors import UnreadablePlace
from services.intake.sources.finding import find
from services.intake.sources.found import FoundDelivery
from services.intake.sources.handing_over import Progress, hand_over, undelivered
from services.intake.sources.location import Location
from shared.polling import pauses
from shared.remote import Refused, Remote, Unreachable

SETTLED_SECONDS: Final = 10
"""How long a file without manifest must have been left alone here before it counts as whole."""

_WORKING: Final = frozenset({"received", "normalised", "publishing"})

Report = Callable[[dict[str, Any]], None]


class Stop(Protocol):
    """What ends the watch: a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether to end."""

    def wait(self, timeout: float) -> bool:
        """Wait at most so many seconds; True if it is time to end."""


@dataclass(frozen=True)
class Watch:
    """One place whose exports are one source.

    `report` is told what happens, as documents with an `event`; `progress` how far an upload is. A signal to stop is
    obeyed between two deliveries.
    """

    intake: Remote
    location: Location
    source: str
    report: Report
    progress: Progress
    stop: Stop

    def look(self) -> bool:
        """Look once and deliver what is new; False if something could not be delivered."""
        try:
            findings = find(self.location, file_by_file=True)
            new = undelivered(self.intake, self.source, findings.deliveries)
        except (UnreadablePlace, Unreachable, Refused) as error:
            return self._problem(self.location.url, error)
        settled = [one for one in new if self._is_settled(one)]
        self.report({"event": "looked", "place": self.location.url, "found": len(findings.deliveries),
                     "new": len(settled), "unsettled": len(new) - len(settled),
                     "problems": len(findings.problems)})  # fmt: skip
        outcomes = [self._problem(problem.file, problem) for problem in findings.problems]
        for found in settled:
            if self.stop.is_set():
                break
            outcomes.append(self._deliver(found))
        return all(outcomes)

    def run(self, every_seconds: float) -> None:
        """Look until it is time to stop."""
        while not self.stop.is_set():
            self.look()
            self.stop.wait(every_seconds)

    def _deliver(self, found: FoundDelivery) -> bool:
        try:
            handed = hand_over(self.intake, self.location, self.source, found, self.progress, once=True)
            for taken in handed.datasets:
                self.report({"event": "taken", "label": found.label, **taken})
            outcomes = [self._problem(found.label, error) for error in handed.refused]
            if handed.delivery is not None:
                outcomes.append(self._followed(found, handed.delivery))
        except (IntakeRefusal, UnreadablePlace, Unreachable, Refused) as error:
            return self._problem(found.label, error)
        return all(outcomes)

    def _followed(self, found: FoundDelivery, created: dict[str, Any]) -> bool:
        files, delivery_id = len(created["files"]), created["delivery_id"]
        self.report({"event": "delivering", "label": found.label, "files": files, "delivery_id": delivery_id})
        ended = self._follow(created)
        shown = {name: ended[name] for name in ("delivery_id", "state", "rows_read", "charges", "retractions", "error")}
        self.report({"event": "delivered", "label": found.label, **shown})
        return ended["state"] not in {"refused", "held"}

    def _follow(self, delivery: dict[str, Any]) -> dict[str, Any]:
        """Until intake is done with it, or the watch is to stop: intake goes on by itself."""
        pause = pauses()
        while delivery["state"] in _WORKING and not self.stop.wait(next(pause)):
            delivery = self.intake.get(f"/v1/deliveries/{delivery['delivery_id']}")
        return delivery

    def _is_settled(self, found: FoundDelivery) -> bool:
        """Object stores show whole files only, and a manifest comes after its files."""
        if found.made_by is not None or not self.location.is_local:
            return True
        return found.modified <= datetime.now(UTC) - timedelta(seconds=SETTLED_SECONDS)

    def _problem(self, place: str, error: Exception) -> bool:
        code = error.code if isinstance(error, IntakeRefusal | Refused) else "unreachable"
        self.report({"event": "problem", "place": place, "code": code, "message": str(error)})
        return False
