"""The body of a request: a JSON array, or JSON Lines, read strictly. Numbers keep the digits they were written with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from services.intake.domain.amounts import NotAnAmount, exact_amount
from services.intake.domain.direct import REQUIRED
from services.intake.domain.instants import NotAnInstant, utc_text
from services.intake.reading.objects import NotAnObject, canonical_object
from shared.focus import COLUMNS, RENAMED
from shared.focus.naming import successor
from shared.money import UnknownCurrency, minor_unit

BODY_BYTES_MAX: Final = 8 << 20
PROBLEMS_MAX: Final = 100
NDJSON: Final = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
_NAME_MAX: Final = 100
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")


class Problem(NamedTuple):
    """What is wrong with one cost; `place` is its line (JSON Lines) or its number in the array, counted from 1."""

    place: int
    column: str
    message: str


class BodyRefused(ValueError):
    """A body that is not taken in, with what is wrong with it; nothing of it is kept as a cost."""

    def __init__(self, problems: Sequence[Problem], what: str) -> None:
        self.problems = tuple(sorted(problems)[:PROBLEMS_MAX])
        more = f" (the first {PROBLEMS_MAX} of {len(problems)} problems)" if len(problems) > PROBLEMS_MAX else ""
        said = "; ".join(f"{what} {one.place}: {_of(one)}{one.message}" for one in self.problems)
        super().__init__(f"nothing was taken in{more}: {said}")


class Given(NamedTuple):
    """One cost as it was given: column to text, null for no value."""

    place: int
    values: dict[str, str | None]


class _Number(str):
    """The digits of a JSON number."""

    __slots__ = ()


class _Twice(ValueError):
    """An object that names something twice."""


def read_body(data: bytes, media_type: str) -> list[Given]:
    """Read all costs of a body, with the names and types of their values checked.

    Raises:
        BodyRefused: with every problem found.
    """
    lines = media_type in NDJSON
    problems: list[Problem] = []
    found = []
    for place, value in _lines(data, problems) if lines else _items(data, problems):
        values = _values(place, value, problems)
        if values is not None:
            found.append(Given(place, values))
    if not found and not problems:
        problems.append(Problem(1, "", "there are no costs in it"))
    if problems:
        raise BodyRefused(problems, what_of(media_type))
    return found


def what_of(media_type: str) -> str:
    """What a place in a body is called."""
    return "line" if media_type in NDJSON else "item"


def _lines(data: bytes, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                yield number, _parsed(line)
            except ValueError as error:
                problems.append(Problem(number, "", _not_json(error)))


def _items(data: bytes, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    try:
        items = _parsed(data)
    except ValueError as error:
        problems.append(Problem(1, "", _not_json(error)))
        return
    if not isinstance(items, list):
        problems.append(Problem(1, "", "the body must be an array of costs, or application/x-ndjson"))
        return
    yield from enumerate(items, 1)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(
            data.decode(), object_pairs_hook=_unique, parse_float=_Number, parse_int=_Number, parse_constant=_no_number
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice("an object names something twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _not_json(error: ValueError) -> str:
    return f"it can't be read as JSON: {error}"


def _values(place: int, value: Any, problems: list[Problem]) -> dict[str, str | None] | None:
    if not isinstance(value, dict):
        problems.append(Problem(place, "", "a cost must be an object"))
        return None
    before = len(problems)
    found = {}
    for name, one in value.items():
        message = _name_problem(name)
        text = None if message else _text(name, one)
        if isinstance(text, Problem):
            message = text.message
        elif message is None:
            found[name] = text
        if message:
            problems.append(Problem(place, name, message))
    for name in REQUIRED:
        if name not in value:
            problems.append(Problem(place, name, "is missing"))
        elif name in found and found[name] is None:
            problems.append(Problem(place, name, "needs a value"))
    return found if len(problems) == before else None


def _name_problem(name: str) -> str | None:
    if name in RENAMED:
        return f"is not in FOCUS 1.4; use {successor(name)}"
    if name in COLUMNS or (name.startswith("x_") and len(name) <= _NAME_MAX):
        return None
    return "is no FOCUS 1.4 column; a column of your own begins with x_"


def _text(name: str, value: Any) -> str | Problem | None:
    """A value as a file would have it; a `Problem` without a place if it has the wrong type."""
    kind = COLUMNS[name].type if name in COLUMNS else "string"
    if value is None:
        return None
    if kind == "json":
        return _object(value)
    if isinstance(value, _Number) and kind != "decimal":
        return Problem(0, name, f"must be text, in quotation marks; it has the number {value}")
    if not isinstance(value, str):
        return Problem(0, name, "must be a decimal number" if kind == "decimal" else "must be text")
    if _NO_TEXT.search(value):
        return Problem(0, name, "has characters that are no text")
    if value in {"", "NULL"}:
        return None
    return _checked(name, kind, str(value))


def _checked(name: str, kind: str, text: str) -> str | Problem:
    """A text that keeps the rule that files have for it."""
    try:
        if kind == "decimal":
            exact_amount(text)
        elif kind == "datetime":
            utc_text(text)
        elif name == "BillingCurrency":
            minor_unit(text)
    except (NotAnAmount, NotAnInstant) as error:
        return Problem(0, name, f"has {text!r}, but {error.rule}")
    except UnknownCurrency:
        return Problem(0, name, f"has {text!r}, but must be an ISO 4217 currency code such as USD")
    return text


def _object(value: Any) -> str | Problem:
    if not isinstance(value, dict):
        return Problem(0, "", "must be an object")
    try:
        return canonical_object(_as_json(value))
    except (NotAnObject, UnicodeEncodeError) as error:
        return Problem(0, "", f"must be a JSON object ({error})")


def _as_json(value: Any) -> str:
    """Write JSON again, numbers with their own digits."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_as_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_as_json(one) for one in value) + "]"
    return json.dumps(value)


def _of(problem: Problem) -> str:
    return f"{problem.column} " if problem.column else ""
