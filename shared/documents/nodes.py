"""A YAML document as nodes that know their line. Values are text as written: `1234` and `yes` stay what they are.

Nothing is ever constructed from the YAML, so tags have no power; anchors and aliases are refused, so that a small file
cannot expand; size and depth are limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from shared.documents.problems import Problems

BYTES_MAX: Final = 1 << 20
DEPTH_MAX: Final = 32
TEXT_MAX: Final = 1_000
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as written."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    line: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in the order written; `key_lines` says where each stands."""

    line: int
    items: dict[str, Node]
    key_lines: dict[str, int]


Node = Text | Sequence | Mapping


def read_document(text: str, problems: Problems, start: str) -> Mapping | None:
    """Parse a document whose top is a mapping; None, and the reason among the problems, if that can't be.

    Args:
        start: what a document of this kind starts with, for the one who wrote something else.
    """
    if len(text.encode()) > BYTES_MAX:
        problems.add(0, f"the document is larger than {BYTES_MAX} bytes", "move long lists into CSV tables")
        return None
    try:
        _refuse_aliases_and_depth(text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problems.add(
            line, f"not readable as YAML: {error.problem}", "mend the syntax; most often it is the indentation"
        )
        return None
    except yaml.YAMLError as error:
        problems.add(0, f"not readable as YAML: {str(error).splitlines()[0]}", "save the file as UTF-8 text")
        return None
    top = None if node is None else _convert(node, problems)
    if not isinstance(top, Mapping):
        problems.add(1, "the document is not a mapping", f"start it with {start}")
        return None
    return top


def _refuse_aliases_and_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal("anchors and aliases are not allowed", event)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise _refusal(f"nested more than {DEPTH_MAX} levels deep", event)


def _refusal(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


def _convert(node: yaml.Node, problems: Problems) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Sequence(line, tuple(_convert(item, problems) for item in node.value))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, line, problems)
    if len(node.value) > TEXT_MAX:
        problems.add(line, f"a value longer than {TEXT_MAX} characters", "shorten it")
    return Text(line, node.value)


def _mapping(node: yaml.MappingNode, line: int, problems: Problems) -> Mapping:
    items: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 1
        if name in items:
            problems.add(at, f"key {name!r} is given twice", f"keep one of them; the first is in line {lines[name]}")
        items[name], lines[name] = _convert(value, problems), at
    return Mapping(line, items, lines)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads typed values out of a mapping, and notes what is missing, unknown or of the wrong shape."""

    node: Mapping
    problems: Problems

    def allow(self, *keys: str) -> None:
        """Complain about keys that have no meaning here."""
        for key in self.node.items.keys() - set(keys):
            advice = self.problems.suggestion(key, keys, f"use only {', '.join(keys)}")
            self.problems.add(self.node.key_lines[key], f"unknown key {key!r}", advice)

    def line(self, key: str) -> int:
        """Where a key stands, or where the mapping begins."""
        return self.node.key_lines.get(key, self.node.line)

    def text(self, key: str, advice: str, default: str | None = None) -> str | None:
        """A scalar's text; without a default a missing one is a problem."""
        node = self.node.items.get(key)
        if isinstance(node, Text) and node.text:
            return node.text
        if key in self.node.items:
            self.problems.add(self.line(key), f"{key} needs a value", advice)
        elif default is None:
            self.problems.add(self.node.line, f"{key} is missing", advice)
        return default

    def mapping(self, key: str, advice: str) -> Reader | None:
        """A nested mapping, or None if there is none; another shape is a problem."""
        node = self.node.items.get(key)
        if isinstance(node, Mapping):
            return Reader(node, self.problems)
        if node is not None:
            self.problems.add(self.line(key), f"{key} is not a mapping", advice)
        return None

    def mappings(self, key: str, advice: str) -> Iterator[Reader]:
        """Each item of a list of mappings; nothing if the key is absent."""
        node = self.node.items.get(key)
        if node is None:
            return
        if not isinstance(node, Sequence):
            self.problems.add(self.line(key), f"{key} is not a list", advice)
            return
        for item in node.items:
            if isinstance(item, Mapping):
                yield Reader(item, self.problems)
            else:
                self.problems.add(item.line, f"an item of {key} is not a mapping", advice)

    def texts(self, key: str, advice: str) -> list[Text]:
        """The items of a list of scalars; empty, with a problem, if it is missing or anything else."""
        node = self.node.items.get(key)
        items = node.items if isinstance(node, Sequence) else ()
        found = [item for item in items if isinstance(item, Text)]
        if not found or len(found) != len(items):
            self.problems.add(self.line(key), f"{key} needs a list of values", advice)
        return found
