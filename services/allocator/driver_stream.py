"""Driver measurements in: every revision is kept, and asks for runs of the open periods that it may concern."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator.domain.drivers import Window
from services.allocator.measurements import problem_of
from services.allocator.store import drivers, requests, rule_sets
from services.allocator.store.drivers import Known, Metric
from services.allocator.store.tables import SERVICE
from shared.batch import Batch
from shared.database import lock_transaction
from shared.errors import Conflict, Reject
from shared.events import DriverMeasurement, content_hash
from shared.events.drivers import measurement_content
from shared.money import text
from shared.reading import read


class MeasurementRefused(Reject):
    """A record that keeps its contract, but makes no sense."""

    code = "measurement-refused"


class UnitDiffers(Reject):
    """Quantities of two units can't be compared."""

    code = "unit-differs"

    def __init__(self, metric: str, known: str, given: str) -> None:
        super().__init__(
            f"{metric} is measured in {known!r}, and this is {given!r}: convert the quantity, or first withdraw the "
            "metric's measurements"
        )


async def keep_measurements(conn: AsyncConnection, batch: Batch) -> None:
    """Apply a batch by id and revision; what can't be accepted goes to the dead letters."""
    found = []
    for record in batch.records:
        try:
            found.append((record, _checked(record)))
        except Reject as error:
            batch.reject(record, error.code, str(error))
    await lock_transaction(conn, SERVICE, "drivers")
    arrivals = await _Arrivals.of(conn, [measurement for _, measurement in found])
    for record, measurement in found:
        try:
            arrivals.take(measurement)
        except Reject as error:
            batch.reject(record, error.code, str(error))
    await drivers.add(conn, arrivals.rows, arrivals.superseded, arrivals.metrics)
    await requests.add(conn, await _periods(conn, arrivals.rows))


def _checked(record: Any) -> DriverMeasurement:
    measurement = read(DriverMeasurement, record)
    if problem := problem_of(measurement):
        raise MeasurementRefused(problem)
    if (record.key or b"") != measurement.measurement_id.encode():
        raise MeasurementRefused(
            f"the record's key is {record.key!r} and must be {measurement.measurement_id!r}, or compaction would keep "
            "the wrong records"
        )
    return measurement


class _Arrivals:
    """What a batch adds to what is known."""

    def __init__(self, known: dict[str, Known], metrics: dict[str, Metric], ordinal: int) -> None:
        self._known, self._ordinal, self._first = known, ordinal, ordinal + 1
        self.metrics = metrics
        self.rows: list[dict[str, Any]] = []
        self.superseded: dict[int, int] = {}

    @classmethod
    async def of(cls, conn: AsyncConnection, measurements: list[DriverMeasurement]) -> _Arrivals:
        known = await drivers.in_force(conn, (one.measurement_id for one in measurements))
        metrics = await drivers.metrics(conn, (one.metric for one in measurements))
        return cls(known, metrics, await drivers.last_ordinal(conn))

    def take(self, new: DriverMeasurement) -> None:
        """Add a revision, unless it is known or older than what is known.

        Raises:
            Conflict: if the revision is known with other content.
            UnitDiffers: from that of the metric's other measurements.
        """
        key, content = new.measurement_id, content_hash(measurement_content(new))
        before = self._known.get(key)
        if before is not None and before.revision >= new.revision:
            if before.revision == new.revision and before.content_hash != content:
                raise Conflict("measurement", key, new.revision)
            return
        self._count(new, before)
        self._ordinal += 1
        if before is not None:
            self._supersede(before.ordinal)
        self.rows.append(_row(new, content, self._ordinal))
        self._known[key] = Known(self._ordinal, new.revision, content, new.withdrawn)

    def _count(self, new: DriverMeasurement, before: Known | None) -> None:
        unit, measurements = self.metrics.get(new.metric, Metric(new.unit, 0))
        others = measurements - (before is not None and not before.withdrawn)
        if not new.withdrawn:
            if others and unit != new.unit:
                raise UnitDiffers(new.metric, unit, new.unit)
            unit = new.unit
        self.metrics[new.metric] = Metric(unit, others + (not new.withdrawn))

    def _supersede(self, ordinal: int) -> None:
        if ordinal < self._first:
            self.superseded[ordinal] = self._ordinal
        else:
            self.rows[ordinal - self._first]["superseded_by"] = self._ordinal


def _row(new: DriverMeasurement, content: str, ordinal: int) -> dict[str, Any]:
    return {
        "ordinal": ordinal, "measurement_id": new.measurement_id, "revision": new.revision, "metric": new.metric,
        "subject": new.subject, "quantity": text(new.quantity), "unit": new.unit,
        "window_start": datetime.fromisoformat(new.window_start), "window_end": datetime.fromisoformat(new.window_end),
        "source": new.source, "withdrawn": new.withdrawn, "content_hash": content, "superseded_by": None,
    }  # fmt: skip


async def _periods(conn: AsyncConnection, rows: Iterable[dict[str, Any]]) -> set[str]:
    """The known periods in which a rule set may look at some measurements."""
    used = await rule_sets.all_metrics_used(conn)
    windows = {
        (row["window_start"], row["window_end"] + timedelta(days=used[row["metric"]]))
        for row in rows
        if row["metric"] in used
    }
    if not windows:
        return set()
    return {period for period in await requests.known_periods(conn) if _concerned(Window.of_month(period), windows)}


def _concerned(period: Window, windows: set[tuple[datetime, datetime]]) -> bool:
    return any(start < period.end and end >= period.start for start, end in windows)
