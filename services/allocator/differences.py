"""What differs between two rule sets: by rule, pool, setting and table row, not by line of text.

Documents are compared as what they say, so comments, line ends and the order of keys make no difference. Tables are
compared by the first column of their rows, which is the cost center or the mapped value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from services.allocator.loading import Bundle
from services.allocator.loading.problems import START, problems_of
from shared import documents
from shared.documents import read_document

Rows = Mapping[str, Any]
_TRIED_IN_ORDER: Final = ("overrides", "rules")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that both have, but not alike; a value that one of them lacks is None."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Section:
    """What differs among things that have a key; `moved` are those whose precedence among the others changed."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()
    moved: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed or self.moved)

    def as_json(self) -> dict[str, Any]:
        """As the API and `--json` show it."""
        changed = [{"key": one.key, "before": one.before, "after": one.after} for one in self.changed]
        return {
            "added": list(self.added), "removed": list(self.removed), "changed": changed, "moved": list(self.moved)
        }  # fmt: skip


def compare(before: Bundle, after: Bundle) -> dict[str, Section]:
    """Compare two rule sets: each section that differs, by name.

    `settings` are the document's own values. Its lists of things with an id (`rules`, `pools`) and its tables, by file
    name, are sections of their own.

    Raises:
        RuleSetInvalid: if a document can't be read at all.
    """
    old, new = _plain_document(before), _plain_document(after)
    lists = sorted(key for key in old.keys() | new.keys() if _has_ids(old.get(key)) or _has_ids(new.get(key)))
    found = {"settings": _section(*({key: top[key] for key in top if key not in lists} for top in (old, new)))}
    found |= {key: _section(_by_id(old.get(key)), _by_id(new.get(key))) for key in lists}
    for key in lists:
        if key in _TRIED_IN_ORDER:
            found[key] = _with_moved(found[key], *(list(_by_id(top.get(key))) for top in (old, new)))
    for name in sorted(before.files.keys() | after.files.keys()):
        found[name] = _section(_table(before.files.get(name)), _table(after.files.get(name)))
    return {name: section for name, section in found.items() if section}


def _plain_document(bundle: Bundle) -> dict[str, Any]:
    problems = problems_of(bundle.document_name)
    top = read_document(bundle.document, problems, START)
    problems.raise_if_any()
    assert top is not None
    return {key: _plain(node) for key, node in top.items.items()}


def _plain(node: documents.Node) -> Any:
    match node:
        case documents.Text(text=text):
            return text
        case documents.Sequence(items=items):
            return [_plain(item) for item in items]
        case documents.Mapping(items=named):
            return {key: _plain(item) for key, item in named.items()}


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and "id" in item for item in value)


def _by_id(value: Any) -> dict[str, Any]:
    return {str(item["id"]): item for item in value or () if isinstance(item, dict) and "id" in item}


def _section(before: Rows, after: Rows) -> Section:
    return Section(
        added=tuple(key for key in after if key not in before),
        removed=tuple(key for key in before if key not in after),
        changed=tuple(_changes(before, after)),
    )


def _changes(before: Rows, after: Rows) -> Iterator[Change]:
    """What changed of each common key; of a mapping only the parts that did."""
    for key in (key for key in before if key in after and before[key] != after[key]):
        old, new = before[key], after[key]
        if isinstance(old, dict) and isinstance(new, dict):
            parts = [part for part in (old | new) if old.get(part) != new.get(part)]
            old, new = ({part: one[part] for part in parts if part in one} for one in (old, new))
        yield Change(key, old, new)


def _with_moved(section: Section, before: Sequence[str], after: Sequence[str]) -> Section:
    """Find the rules that come earlier or later among those that both have."""
    old = [key for key in before if key in set(after)]
    new = [key for key in after if key in set(before)]
    kept = {
        key
        for start, _, length in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        for key in old[start : start + length]
    }
    moved = tuple(key for key in new if key not in kept)
    return Section(section.added, section.removed, section.changed, moved)


def _table(text: str | None) -> dict[str, Any]:
    """A table's rows by the first cell; a key with several rows (by date) has them all."""
    rows: dict[str, Any] = {}
    reader = csv.reader(io.StringIO(text or "", newline=""))
    header = [name.strip() for name in next(reader, [])]
    for cells in reader:
        if cells:
            named = dict(zip(header[1:], cells[1:], strict=False))
            before = rows.get(cells[0])
            rows[cells[0]] = named if before is None else [*(before if isinstance(before, list) else [before]), named]
    return rows
