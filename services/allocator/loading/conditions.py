"""Conditions: `column` or `tag` with one operator, joined by `all`, `any` and `not`."""

from __future__ import annotations

import re
from typing import Final

from services.allocator.domain.rule_set import All, AnyOf, Condition, Leaf, Not
from shared.documents import Reader
from shared.focus.naming import column_problem

PATTERN_MAX: Final = 200
_OPERATORS: Final = ("equals", "in", "prefix", "pattern", "exists")
_REPEATED_GROUP = re.compile(r"[*+}]\)*[*+{]|\([^()]*[*+}][^()]*\)[*+{]")
_SHAPE: Final = "a condition has column or tag with one operator, or all, any or not"


def read_condition(reader: Reader) -> Condition | None:
    """Read one condition; None, with the reason among the problems, if it makes no sense."""
    problems, items = reader.problems, reader.node.items
    shapes = [key for key in ("all", "any", "not", "column", "tag") if key in items]
    if len(shapes) != 1:
        problems.add(reader.node.line, f"a condition with {' and '.join(shapes) or 'nothing to test'}", _SHAPE)
        return None
    if shapes[0] in {"column", "tag"}:
        return _leaf(reader)
    reader.allow(shapes[0])
    if shapes[0] == "not":
        inner = reader.mapping("not", _SHAPE)
        part = read_condition(inner) if inner else None
        return Not(part) if part else None
    return _joined(reader, shapes[0])


def read_dimension(reader: Reader) -> str | None:
    """The dimension that `column` or `tag` names, checked."""
    problems, items = reader.problems, reader.node.items
    if "tag" in items:
        tag = reader.text("tag", "give the tag's key", "")
        return f"tag:{tag}" if tag else None
    column = reader.text("column", "give a FOCUS column, or use tag") or ""
    problem = column_problem(column) if column else None
    if problem:
        problems.add(reader.line("column"), *problem)
    return None if problem or not column else column


def _joined(reader: Reader, key: str) -> Condition | None:
    parts = [read_condition(part) for part in reader.mappings(key, _SHAPE)]
    if not parts:
        reader.problems.add(reader.line(key), f"{key} joins no conditions", "list at least one")
    known = tuple(part for part in parts if part is not None)
    return All(known) if key == "all" else AnyOf(known)


def _leaf(reader: Reader) -> Leaf | None:
    problems = reader.problems
    reader.allow("column", "tag", *_OPERATORS)
    dimension = read_dimension(reader)
    given = [key for key in _OPERATORS if key in reader.node.items]
    if len(given) != 1:
        advice = f"give exactly one of {', '.join(_OPERATORS)}"
        problems.add(reader.node.line, f"a test with {' and '.join(given) or 'no operator'}", advice)
        return None
    leaf = _operator(reader, dimension or "", given[0])
    return leaf if dimension else None


def _operator(reader: Reader, dimension: str, operator: str) -> Leaf | None:
    if operator == "in":
        values = reader.texts("in", "write it like in: [Tax, Adjustment]")
        return Leaf(dimension, "in", tuple(value.text for value in values))
    text = reader.text(operator, "give a text; quote it if it is empty or has special characters")
    if text is None:
        return None
    if operator == "exists":
        if text not in {"true", "false"}:
            reader.problems.add(reader.line("exists"), f"exists: {text}", "write exists: true or exists: false")
        return Leaf(dimension, "exists", (), expected=text == "true")
    if operator == "pattern":
        _check_pattern(reader, text)
        return Leaf(dimension, "pattern", (text,))
    return Leaf(dimension, "prefix" if operator == "prefix" else "in", (text,))


def _check_pattern(reader: Reader, pattern: str) -> None:
    """Refuse what does not compile, what is long, and repeated repetitions, which can take for ever to fail."""
    problems, line = reader.problems, reader.line("pattern")
    if len(pattern) > PATTERN_MAX:
        problems.add(line, f"a pattern longer than {PATTERN_MAX} characters", "use in, prefix or a mapping table")
        return
    try:
        re.compile(pattern)
    except re.error as error:
        problems.add(line, f"not a regular expression: {error}", "it must match the whole value; escape dots as \\.")
        return
    if _REPEATED_GROUP.search(pattern):
        problems.add(line, "a repetition inside a repetition", "write it without, such as [a-z-]+ for ([a-z]+-?)+")
