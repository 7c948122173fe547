"""Intake without Kafka and PostgreSQL: files through the archive and the spool to the events that would be sent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.intake.archive import Archive
from services.intake.domain.delivery import ArchivedFile, Scope, delivery_id
from services.intake.domain.rejection import Rejection
from services.intake.domain.styles import Style
from services.intake.domain.tags import Normalisation
from services.intake.preparing import Preparation, Prepared, Reading, archive_rows
from services.intake.publishing import KINDS, render
from services.intake.work import Work
from shared.archive import RowsInForce
from shared.events import CostEvent, decode

PARTITIONS = 6


@dataclass(frozen=True)
class Outcome:
    """What came of one delivery."""

    delivery_id: str
    prepared: Prepared
    reading: Reading
    events: list[CostEvent]
    rejections: list[Rejection]
    taken_over: int

    @property
    def findings(self) -> dict[str, int]:
        """Rows by finding."""
        noted = (*self.reading.observations.findings(), *self.prepared.noted)
        return {one.code: one.rows for one in noted}

    def billed(self) -> Decimal:
        """The sum of BilledCost of all events, exactly."""
        return sum((Decimal(str(event.charge["BilledCost"])) for event in self.events), Decimal(0))

    def keys(self) -> list[tuple[str, int]]:
        """(row hash, occurrence) of all events, sorted."""
        return sorted((event.row_hash, event.occurrence) for event in self.events)


class Desk:
    """One source's deliveries, one after another."""

    def __init__(self, directory: Path, source: str = "test") -> None:
        self.archive = Archive(directory)
        self._source = source
        self._in_force: dict[tuple[str, str], list[str]] = {}
        self._ordinal = 0

    def deliver(
        self, *files: Path, style: Style = Style.OVERWRITE, tags: Sequence[Normalisation] = (), recognise: bool = True
    ) -> Outcome:
        """Take files in as the next delivery, taking over what is recognised or reading it all."""
        self._ordinal += 1
        archived = [self.put(file) for file in files]
        name = delivery_id(self._source, self._ordinal, archived)
        preparation = Preparation(self.archive, name, PARTITIONS, threads=1, style=style, tag_rules=tags)
        with preparation:
            scopes = preparation.read(archived, in_force=self.in_force() if recognise else ())
            former = [
                RowsInForce(self.archive.rows(former, scope.billing_period), (scope.billing_account_id,))
                for scope in scopes
                for former in self._in_force.get(scope, [])
            ]
            prepared = preparation.plan(former)
        events = self._events(name, preparation, style)
        rejections = list(preparation.spool.rejections())
        held = {Scope(str(one.charge["BillingAccountId"]), one.billing_period) for one in events}
        for scope in held if style is Style.APPEND else prepared.scopes:
            kept = self._in_force.get(scope, []) if style is Style.APPEND else []
            self._in_force[scope] = [*kept, name]
        self.archive.forget_spool(name)
        return Outcome(name, prepared, preparation.reading, events, rejections, preparation.taken_over)

    def in_force(self) -> list[RowsInForce]:
        """All that is in force."""
        return [
            RowsInForce(self.archive.rows(delivery, period), (account,))
            for (account, period), deliveries in self._in_force.items()
            for delivery in deliveries
        ]

    def _events(self, name: str, preparation: Preparation, style: Style) -> list[CostEvent]:
        spool, values = preparation.spool, []
        with Work(spool.database) as work:
            archive_rows(self.archive, name, spool, work, work.parts(), style)
            for part, planned in work.planned(work.parts()):
                if planned.column("sequence").null_count == part.rows:
                    continue
                rows = spool.read_events(part)
                for rendered in render(name, KINDS[part.kind], rows, planned):
                    values += rendered.values.to_pylist()
        return [decode(CostEvent, value) for value in values]

    def put(self, file: Path) -> ArchivedFile:
        """Keep a file in the archive as an upload would."""
        data = file.read_bytes()
        archived = ArchivedFile(file.name, hashlib.sha256(data).hexdigest(), len(data))
        target = self.archive.file(archived.sha256)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
        return archived


def dense(events: Sequence[CostEvent]) -> bool:
    """Whether the sequences of every partition count up from 0."""
    expected: dict[int, int] = {}
    for event in events:
        if event.sequence != expected.get(event.partition, 0):
            return False
        expected[event.partition] = event.sequence + 1
    return True
