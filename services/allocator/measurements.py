"""Driver measurements as people and records write them: checked once, by the same rules, wherever they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from services.allocator.domain.drivers import Drivers, Measurement, Window
from shared.events import DriverMeasurement
from shared.events.drivers import METRIC_PATTERN, NAME_MAX, NAME_PATTERN
from shared.money import AmountOutOfRange, from_units, to_units

REQUIRED: Final = ("metric", "subject", "quantity", "unit", "window_start", "window_end")
OPTIONAL: Final = ("source", "revision", "withdrawn")
DEFAULT_SOURCE: Final = "manual"
_FIRST_YEAR, _LAST_YEAR = 1970, 2999
_SHOWN_MAX: Final = 100
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})")


@dataclass(frozen=True, slots=True)
class Given:
    """A measurement as given; without a revision the service finds the next one."""

    measurement: DriverMeasurement
    revision: int | None


class _Wrong(Exception):
    """Why a value can't be; noted with the field's name."""


class MeasurementInvalid(ValueError):
    """What is wrong with a measurement: every problem of it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def read_measurement(fields: Mapping[str, object]) -> Given:
    """Read a measurement from its fields by name.

    Quantities are text or exact numbers, never floats; the ends of windows are days or date-times with an offset.

    Raises:
        MeasurementInvalid: with everything that is wrong.
    """
    known = (*REQUIRED, *OPTIONAL)
    problems = [f"unknown field {shown(name)}: use {', '.join(known)}" for name in fields if name not in known]
    problems += [f"{name} is missing" for name in REQUIRED if fields.get(name) in (None, "")]

    def of(name: str, read: Callable[[object], object], default: object = None) -> object:
        value = fields.get(name)
        if value in (None, ""):
            return default
        try:
            return read(value)
        except _Wrong as error:
            problems.append(f"{name} {shown(value)} {error}")
            return default

    start, end = of("window_start", _instant), of("window_end", _instant)
    if isinstance(start, str) and isinstance(end, str) and start >= end:
        problems.append(f"the window ends at {end}, not after its start {start}")
    values = {
        "metric": of("metric", _metric), "subject": of("subject", _name), "quantity": of("quantity", _quantity),
        "unit": of("unit", _name), "window_start": start, "window_end": end,
        "source": of("source", _name, DEFAULT_SOURCE), "withdrawn": of("withdrawn", _flag, False),
    }  # fmt: skip
    revision = of("revision", _revision)
    if problems:
        raise MeasurementInvalid(problems)
    number = revision if isinstance(revision, int) else None
    return Given(DriverMeasurement(**values, revision=number or 1), number)  # type: ignore[arg-type]


def drivers_of(measurements: Iterable[DriverMeasurement]) -> Drivers:
    """Measurements as runs look at them; withdrawn ones are left out."""
    return Drivers.of(
        (one.metric, Measurement(one.subject, one.quantity, Window(_at(one.window_start), _at(one.window_end))))
        for one in measurements
        if not one.withdrawn
    )


def _at(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(UTC)


def problem_of(measurement: DriverMeasurement) -> str | None:
    """What is wrong with a record that keeps its contract, in words."""
    fields = {name: getattr(measurement, name) for name in measurement.__struct_fields__}
    try:
        read_measurement(fields)
    except MeasurementInvalid as error:
        return str(error)
    return None


def shown(value: object) -> str:
    """A value as a message names it: never longer than a line."""
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


def _metric(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(METRIC_PATTERN, value):
        raise _Wrong("is no metric: use up to 100 letters, digits, dots, dashes and underscores")
    return value


def _name(value: object) -> str:
    if (
        not isinstance(value, str)
        or len(value) > NAME_MAX
        or not re.search(NAME_PATTERN, value)
        or _LONE_SURROGATE.search(value)
    ):
        raise _Wrong(f"is not text of up to {NAME_MAX} characters without blanks around it")
    return value


def _quantity(value: object) -> Decimal:
    advice = "is not a number from 0 on with at most 20 + 18 digits, like 12.5"
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise _Wrong(advice)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise _Wrong(advice)
    try:
        number = Decimal(value)
        if number.is_finite() and number >= 0:
            return from_units(to_units(number))
    except (ArithmeticError, AmountOutOfRange):
        raise _Wrong(advice) from None
    raise _Wrong(advice)


def _instant(value: object) -> str:
    advice = "is neither a day (2026-01-31) nor a date-time with an offset (2026-01-31T00:00:00Z)"
    if not isinstance(value, str) or not (_DAY.fullmatch(value) or _INSTANT.fullmatch(value)):
        raise _Wrong(advice)
    try:
        found = datetime.fromisoformat(value)
        found = found.replace(tzinfo=UTC) if _DAY.fullmatch(value) else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Wrong(advice) from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise _Wrong(f"is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return found.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("is neither true nor false")
    return value


def _revision(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise _Wrong("is not an integer from 1 on")
    return value
