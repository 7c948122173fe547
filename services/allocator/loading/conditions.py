"""Conditions: a test of one thing with one operator, joined by `all`, `any` and `not`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Protocol, get_args

from services.allocator.domain.comparing import COMPARISONS, day_of, number_of
from services.allocator.domain.patterns import Pattern, PatternInvalid
from services.allocator.domain.rule_set import CHARGE_DAY, All, AnyOf, Condition, Leaf, Not, Operator
from services.allocator.loading.days import is_day
from shared.documents import Reader, Sequence, Text
from shared.focus.naming import column_problem

PATTERN_MAX: Final = 200
OPERATORS: Final = ("equals", *get_args(Operator))
_JOINS: Final = ("all", "any", "not")

DAY_COLUMNS: Final[Mapping[str, str]] = {"ChargePeriodStart": CHARGE_DAY, "BillingPeriodStart": "BillingPeriodStart"}
"""The date-time columns that can be tested, by day, and their dimensions. The ends of periods are exclusive, so that a
test of them would be read wrong; and the end of a charge would make a bucket for every hour."""


class Subject(Protocol):
    """What the tests of a condition may look at."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of which a test has one."""

    def condition(self, reader: Reader, key: str, test: Leaf | None) -> Condition | None:
        """Apply a test, which has no dimension yet, to what `key` names; None, with the reason among the problems.

        Without a test, what `key` names is checked all the same.
        """


def read_condition(reader: Reader, subject: Subject) -> Condition | None:
    """Read one condition; None, with the reason among the problems, if it makes no sense."""
    problems, items = reader.problems, reader.node.items
    shape = f"a condition has {' or '.join(subject.keys)} with one operator, or all, any or not"
    shapes = [key for key in (*_JOINS, *subject.keys) if key in items]
    if len(shapes) != 1:
        near = [problems.suggestion(key, (*_JOINS, *subject.keys), "") for key in items if key not in OPERATORS]
        advice = next(filter(None, near), shape) if not shapes else shape
        problems.add(reader.node.line, f"a condition with {' and '.join(shapes) or 'nothing to test'}", advice)
        return None
    (key,) = shapes
    if key not in _JOINS:
        return _test(reader, key, subject)
    reader.allow(key)
    if key == "not":
        inner = reader.mapping("not", shape)
        part = read_condition(inner, subject) if inner else None
        return Not(part) if part else None
    return _joined(reader, key, subject, shape)


def read_dimension(reader: Reader) -> str | None:
    """The dimension of text that `column` or `tag` names, checked."""
    if {"tag", "column"} <= reader.node.items.keys():
        reader.problems.add(reader.node.line, "both column and tag are given", "keep one of them")
    if "tag" in reader.node.items:
        tag = reader.text("tag", "give the tag's key", "")
        return f"tag:{tag}" if tag else None
    return column_dimension(reader, reader.text("column", "give a FOCUS column, or use tag") or "")


def column_dimension(reader: Reader, column: str) -> str | None:
    """The dimension of a text column, checked."""
    problem = column_problem(column) if column else None
    if problem:
        reader.problems.add(reader.line("column"), *problem)
    return None if problem or not column else column


def compiled(reader: Reader, pattern: str) -> Pattern | None:
    """A pattern, checked."""
    line = reader.line("pattern")
    if len(pattern) > PATTERN_MAX:
        advice = "use in, prefix or a mapping table"
        reader.problems.add(line, f"a pattern longer than {PATTERN_MAX} characters", advice)
        return None
    try:
        return Pattern(pattern)
    except PatternInvalid as error:
        advice = "it must match the whole value, escape dots as \\., and look neither ahead nor back (RE2 syntax)"
        reader.problems.add(line, f"not a regular expression: {error}", advice)
        return None


def _joined(reader: Reader, key: str, subject: Subject, shape: str) -> Condition | None:
    parts = [read_condition(part, subject) for part in reader.mappings(key, shape)]
    if not parts:
        reader.problems.add(reader.line(key), f"{key} joins no conditions", "list at least one")
    known = tuple(part for part in parts if part is not None)
    return All(known) if key == "all" else AnyOf(known)


def _test(reader: Reader, key: str, subject: Subject) -> Condition | None:
    problems, items = reader.problems, reader.node.items
    for name in items.keys() - {key, *OPERATORS}:
        advice = problems.suggestion(name, OPERATORS, f"use one of {', '.join(OPERATORS)}")
        problems.add(reader.line(name), f"unknown operator {name!r}", advice)
    given = [name for name in OPERATORS if name in items]
    if len(given) != 1:
        if given or len(items) == 1:
            advice = f"give exactly one of {', '.join(OPERATORS)}"
            problems.add(reader.node.line, f"a test with {' and '.join(given) or 'no operator'}", advice)
        return None
    column = items.get("column")
    if key == "column" and isinstance(column, Text) and column.text in DAY_COLUMNS:
        return _day_test(reader, column.text, given[0])
    return subject.condition(reader, key, _operator(reader, given[0]))


def _day_test(reader: Reader, column: str, operator: str) -> Condition | None:
    dimension, problems, line = DAY_COLUMNS[column], reader.problems, reader.line(operator)
    if operator not in {"equals", *COMPARISONS}:
        advice = f"use one of equals, {', '.join(COMPARISONS)}"
        problems.add(line, f"{operator} can't test the day of {column}", advice)
        return None
    day = reader.text(operator, "write a day: 2026-01-31") or ""
    if not is_day(day):
        problems.add(line, f"{operator}: {day!r} is not a day", "write it like 2026-01-31")
        return None
    if operator == "equals":
        return All((Leaf(dimension, "at_least", (day,)), Leaf(dimension, "at_most", (day,))))
    return Leaf(dimension, operator, (day,))  # type: ignore[arg-type]


def _operator(reader: Reader, operator: str) -> Leaf | None:
    """The test that an operator and its operands make, without a dimension."""
    if operator == "in" or isinstance(reader.node.items[operator], Sequence):
        return _with_list(reader, operator)
    text = reader.text(operator, "give a text; quote it if it is empty or has special characters")
    if text is None:
        return None
    if operator == "exists":
        if text not in {"true", "false"}:
            reader.problems.add(reader.line("exists"), f"exists: {text}", "write exists: true or exists: false")
        return Leaf("", "exists", (), expected=text == "true")
    if operator == "pattern" and compiled(reader, text) is None:
        return None
    if operator in COMPARISONS and number_of(text) is None and (day_of(text) != text):
        advice = "write a number like 12.5, or a day like 2026-01-31"
        reader.problems.add(reader.line(operator), f"{operator}: {text!r} is neither a number nor a day", advice)
        return None
    return Leaf("", "in" if operator == "equals" else operator, (text,))  # type: ignore[arg-type]


def _with_list(reader: Reader, operator: str) -> Leaf | None:
    problems = reader.problems
    if operator not in {"in", "prefix", "suffix", "contains"}:
        problems.add(
            reader.line(operator), f"{operator} takes one value", "use in for a list, or any for several tests"
        )
        return None
    values = [value.text for value in reader.texts(operator, f"write it like {operator}: [Tax, Adjustment]")]
    for value in (value for value, times in Counter(values).items() if times > 1):
        problems.warn(reader.line(operator), f"{value!r} is listed twice", "keep one of them")
    return Leaf("", operator, tuple(dict.fromkeys(values)))  # type: ignore[arg-type]
