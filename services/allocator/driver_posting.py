"""Driver measurements handed in over HTTP: all are accepted, or every reason why not is listed and none is published.

They are published by way of the outbox and read back from the topic like those of anybody else. Until then
`driver_writes` knows the revisions that are on their way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator import publishing
from services.allocator.measurements import Given, MeasurementInvalid, read_measurement
from services.allocator.store import drivers
from services.allocator.store.drivers import Written
from services.allocator.store.tables import SERVICE, STREAM_TABLES
from shared.database import lock_transaction
from shared.errors import Conflict, Reject
from shared.events import DriverMeasurement, content_hash
from shared.events.drivers import measurement_content
from shared.outbox import enqueue

BYTES_MAX: Final = 32 << 20
ITEMS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Item:
    """A measurement and where it stands in the request: `item 3` of a list, `line 3` of JSON Lines."""

    place: str
    given: Given


class MeasurementsInvalid(Reject):
    """Measurements that can't be accepted: every problem, with its place."""

    code = "measurements-invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


def read_items(body: bytes) -> list[Item]:
    """Read a JSON list of measurements, or JSON Lines with one on each.

    Raises:
        MeasurementsInvalid: with everything that is wrong.
    """
    documents, problems = _documents(body)
    if len(documents) > ITEMS_MAX:
        raise MeasurementsInvalid([f"{len(documents)} measurements: {ITEMS_MAX} is the most at once, so send parts"])
    items: list[Item] = []
    first_places: dict[str, str] = {}
    for place, document in documents:
        try:
            item = Item(place, read_measurement(document))
        except MeasurementInvalid as error:
            problems += [f"{place}: {problem}" for problem in error.problems]
            continue
        before = first_places.setdefault(item.given.measurement.measurement_id, place)
        if before != place:
            problems.append(f"{place}: the same metric, subject, window and source as {before}: keep one of them")
        items.append(item)
    if problems:
        raise MeasurementsInvalid(problems)
    return items


async def post(engine: AsyncEngine, prefix: str, items: Sequence[Item]) -> tuple[int, int]:
    """Publish what is new or changed; returns how many that are, and how many were known already.

    Raises:
        MeasurementsInvalid: if units differ, or a given revision is known with other content.
    """
    async with engine.begin() as conn:
        await lock_transaction(conn, SERVICE, "driver writes")
        problems = await _unit_problems(conn, items)
        known = await drivers.newest_known(conn, [item.given.measurement.measurement_id for item in items])
        written: dict[str, DriverMeasurement] = {}
        for item in items:
            key = item.given.measurement.measurement_id
            try:
                changed = _next(item.given, known.get(key))
            except Conflict as error:
                problems.append(f"{item.place}: {error}")
                continue
            if changed is not None:
                written[key] = changed
        if problems:
            raise MeasurementsInvalid(problems)
        await enqueue(conn, STREAM_TABLES.outbox, [publishing.driver(prefix, one) for one in written.values()])
        await drivers.note_written(conn, {key: Written(one.revision, _content(one)) for key, one in written.items()})
    return len(written), len(items) - len(written)


def _documents(body: bytes) -> tuple[list[tuple[str, Mapping[str, object]]], list[str]]:
    """Each object with its place; what is none is a problem."""
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise MeasurementsInvalid([f"the body is not UTF-8 at byte {error.start}"]) from None
    found: list[tuple[str, Any]] = []
    problems: list[str] = []
    if text.startswith("["):
        try:
            found = [(f"item {number}", one) for number, one in enumerate(_json(text), 1)]
        except (ValueError, RecursionError) as error:
            problems.append(f"the body is not JSON: {error}")
    else:
        for number, line in enumerate(text.split("\n"), 1):
            try:
                found += [(f"line {number}", _json(line))] if line.strip() else []
            except (ValueError, RecursionError) as error:
                problems.append(f"line {number}: not JSON: {error}")
    problems += [f"{place}: not an object" for place, one in found if not isinstance(one, dict)]
    if not found and not problems:
        problems.append("there is no measurement in the body: send a JSON list or JSON Lines")
    return [(place, one) for place, one in found if isinstance(one, dict)], problems


def _json(text: str) -> Any:
    """Numbers come out exact: never by way of a float."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


async def _unit_problems(conn: AsyncConnection, items: Sequence[Item]) -> list[str]:
    known = await drivers.metrics(conn, (item.given.measurement.metric for item in items))
    units = {name: metric.unit for name, metric in known.items() if metric.measurements}
    problems = []
    for item in items:
        one = item.given.measurement
        if not one.withdrawn and units.setdefault(one.metric, one.unit) != one.unit:
            problems.append(
                f"{item.place}: {one.metric} is measured in {units[one.metric]!r}, and this is {one.unit!r}: convert "
                "the quantity, or first withdraw the metric's measurements"
            )
    return problems


def _next(given: Given, known: Written | None) -> DriverMeasurement | None:
    """The revision to publish; None if it is known already, or older than what is known.

    Raises:
        Conflict: if the given revision is known with other content.
    """
    content = _content(given.measurement)
    if known is None:
        return given.measurement
    if given.revision is None:
        same = known.content_hash == content
        return None if same else msgspec.structs.replace(given.measurement, revision=known.revision + 1)
    if given.revision == known.revision and known.content_hash != content:
        raise Conflict("measurement", given.measurement.measurement_id, given.revision)
    return given.measurement if given.revision > known.revision else None


def _content(measurement: DriverMeasurement) -> str:
    return content_hash(measurement_content(measurement))
