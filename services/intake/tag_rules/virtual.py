"""Virtual tags and their conditions, read and checked."""

from __future__ import annotations

from typing import Final, Literal, cast

from services.intake.domain.tags import Combination, Condition, Dimension, Kind, Leaf, VirtualTag
from shared.documents import Reader, Sequence
from shared.focus.naming import column_problem

_SHAPE: Final = "write a column or tag with equals, in, prefix or exists, or join conditions by all, any or not"
_VALUE: Final = "write value: platform, or value_of: {column: SubAccountName}"
_KINDS: Final[tuple[Kind, ...]] = ("column", "tag")
_OPERATORS: Final = ("equals", "in", "prefix", "exists")


def read_virtual(reader: Reader) -> VirtualTag | None:
    """Read one virtual tag; None, with the reason among the problems, if it makes no sense."""
    problems, items = reader.problems, reader.node.items
    before = len(problems.errors)
    reader.allow("tag", "value", "value_of", "replace", "when")
    key = reader.text("tag", "name the tag that rows get") or ""
    if ("value" in items) == ("value_of" in items):
        problems.add(reader.node.line, "a virtual tag has exactly one of value and value_of", _VALUE)
    value = reader.text("value", _VALUE) if "value" in items else None
    of = reader.mapping("value_of", _VALUE)
    value_of = _dimension(of) if of else None
    if of:
        of.allow("column", "tag")
    replace = reader.text("replace", "write true or false", "false")
    if replace not in {"true", "false"}:
        problems.add(reader.line("replace"), f"replace: {replace}", "write true or false")
    when = reader.mapping("when", _SHAPE)
    condition = _condition(when) if when else None
    if len(problems.errors) > before:
        return None
    return VirtualTag(key, condition, value, value_of, replace == "true")


def _condition(reader: Reader) -> Condition | None:
    problems, items = reader.problems, reader.node.items
    shapes = [key for key in ("all", "any", "not", "column", "tag") if key in items]
    if len(shapes) != 1:
        problems.add(reader.node.line, f"a condition with {' and '.join(shapes) or 'nothing to test'}", _SHAPE)
        return None
    if shapes[0] in {"column", "tag"}:
        return _test(reader)
    operator = cast(Literal["all", "any", "not"], shapes[0])
    reader.allow(operator)
    if operator == "not":
        inner = reader.mapping("not", _SHAPE)
        parts = [_condition(inner)] if inner else []
    else:
        parts = [_condition(part) for part in reader.mappings(operator, _SHAPE)]
    if not parts:
        problems.add(reader.line(operator), f"{operator} joins no conditions", "list at least one")
    return Combination(operator, tuple(part for part in parts if part is not None))


def _test(reader: Reader) -> Leaf | None:
    problems, items = reader.problems, reader.node.items
    reader.allow("column", "tag", *_OPERATORS)
    dimension = _dimension(reader)
    given = [key for key in _OPERATORS if key in items]
    if len(given) != 1:
        problems.add(reader.node.line, f"a test with {' and '.join(given) or 'no operator'}", _SHAPE)
        return None
    if dimension is None:
        return None
    if given[0] == "in":
        values = reader.texts("in", "write it like in: [prod, live]")
        return Leaf(dimension, "in", tuple(value.text for value in values))
    if given[0] == "prefix" and isinstance(items["prefix"], Sequence):
        values = reader.texts("prefix", "write it like prefix: [team-, squad-]")
        return Leaf(dimension, "prefix", tuple(value.text for value in values))
    text = reader.text(given[0], "give a text; quote it if it has special characters") or ""
    if given[0] == "exists":
        if text not in {"true", "false"}:
            problems.add(reader.line("exists"), f"exists: {text}", "write exists: true or exists: false")
        return Leaf(dimension, "exists", expected=text == "true")
    return Leaf(dimension, "prefix" if given[0] == "prefix" else "in", (text,))


def _dimension(reader: Reader) -> Dimension | None:
    kinds: list[Kind] = [kind for kind in _KINDS if kind in reader.node.items]
    if len(kinds) != 1:
        reader.problems.add(reader.node.line, f"{' and '.join(kinds) or 'neither column nor tag'}", _VALUE)
        return None
    name = reader.text(kinds[0], "name it") or ""
    if kinds[0] == "column" and name and (problem := column_problem(name)):
        reader.problems.add(reader.line("column"), *problem)
        return None
    return Dimension(kinds[0], name) if name else None
