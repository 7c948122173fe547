"""Tag rules on chunks of rows: each distinct set of tags is normalised once, each distinct combination with what
virtual tags look at is derived once.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.domain.tags import (
    AS_DELIVERED,
    Condition,
    Dimension,
    Leaf,
    Normalisation,
    Tags,
    VirtualTag,
    normalise,
    tag_text,
    with_virtual,
)
from services.intake.reading.columns import flat
from services.intake.reading.layout import Layout
from services.intake.reading.objects import read_object, write_object
from shared.focus import COLUMNS

_CACHED: Final = 50_000
_BEFORE: Final = "tags_before"

Steps = Counter[tuple[str, str]]
"""Rows by normalisation and step."""

_Texts = list[str | None]


class Tagged(NamedTuple):
    """Tags after all rules, those that were delivered where that is not the same, and the rows that steps changed.

    `before` is null where nothing changed; it is None if nothing changed at all.
    """

    tags: pa.DictionaryArray
    before: pa.DictionaryArray | None
    steps: Steps


class Tagger:
    """Applies the normalisations of one source. May be used by several threads."""

    def __init__(self, rules: Sequence[Normalisation]) -> None:
        self._rules = rules
        self._normalise = [functools.lru_cache(_CACHED)(functools.partial(_normalised, rule)) for rule in rules]

    def apply(self, delivered: pa.DictionaryArray, columns: Mapping[str, pa.DictionaryArray]) -> Tagged:
        """Apply all rules in their order.

        Args:
            delivered: canonical JSON objects, null for rows without tags.
            columns: what virtual tags may look at; a column that is not there has no values.
        """
        steps: Steps = Counter()
        first = now = _Column.of(delivered)
        for at, rule in enumerate(self._rules):
            now = self._normalised(now, at, steps)
            for virtual in rule.virtual:
                now = _derived(now, rule, virtual, columns, steps)
        if now is first:
            return Tagged(delivered, None, steps)
        return Tagged(now.encoded(), _before(first, now), steps)

    def _normalised(self, column: _Column, at: int, steps: Steps) -> _Column:
        texts = list(column.texts)
        done: dict[int, frozenset[str]] = {}
        for entry, text in enumerate(column.texts):
            if text is not None:
                texts[entry], taken = self._normalise[at](text)
                if taken:
                    done[entry] = taken
        if not done:
            return column
        rows = _counts(column.indices)
        for entry, taken in done.items():
            for step in taken:
                steps[self._rules[at].name, step] += rows[entry]
        return _Column(column.indices, texts)


def apply_rules(tagger: Tagger, layout: Layout, rows: pa.Table) -> tuple[pa.Table, Steps]:
    """Apply tag rules to a chunk; where something changed it also gets the column `AS_DELIVERED`, and `_BEFORE`."""
    columns = {name: flat(rows.column(name)) for name in rows.column_names if name in COLUMNS}
    columns |= {name: flat(rows.column(f"c{at}")) for name, at in layout.custom.items()}
    tags = columns.get("Tags")
    if tags is None:
        tags = pa.nulls(rows.num_rows, pa.string()).dictionary_encode()
    tagged = tagger.apply(tags, columns)
    if tagged.before is None:
        return rows, tagged.steps
    before = tagged.before
    if (own := columns.get(AS_DELIVERED)) is not None:
        before = pc.coalesce(before.cast(pa.string()), own.cast(pa.string())).dictionary_encode()
    if "Tags" in rows.column_names:
        rows = rows.drop_columns("Tags")
    rows = rows.append_column("Tags", tagged.tags).append_column(AS_DELIVERED, before)
    return rows.append_column(_BEFORE, tags), tagged.steps


def delivered_tags(rows: pa.Table) -> dict[str, pa.DictionaryArray]:
    """The custom column of tags as delivered, if tag rules changed something in a chunk."""
    return {AS_DELIVERED: flat(rows.column(AS_DELIVERED))} if AS_DELIVERED in rows.column_names else {}


def tags_before(rows: pa.Table) -> dict[str, pa.DictionaryArray]:
    """The tags of a chunk's rows before tag rules changed something."""
    return {"Tags": flat(rows.column(_BEFORE))}


def unchanged_by_rules(rows: pa.Table, values: Any) -> Any:
    """Values of a chunk's rows, null where tag rules changed something: that is counted whenever the row is read."""
    if _BEFORE not in rows.column_names:
        return values
    before, after = (pc.fill_null(rows.column(name).cast(pa.string()), "") for name in (_BEFORE, "Tags"))
    return pc.if_else(pc.equal(before, after), values, None)


class _Column(NamedTuple):
    """Texts by entry, and the entry of each row; the last entry of all may be None."""

    indices: Any
    texts: _Texts

    @classmethod
    def of(cls, column: pa.DictionaryArray) -> _Column:
        texts = column.dictionary.to_pylist()
        indices = column.indices.cast(pa.int64())
        return cls(pc.fill_null(indices, len(texts)), [*texts, None]) if column.null_count else cls(indices, texts)

    def encoded(self) -> pa.DictionaryArray:
        return pc.take(pa.array(self.texts, pa.string()), self.indices).dictionary_encode()


class _Combined(NamedTuple):
    """The distinct combinations of two columns: the combination of each row, and both entries of each one."""

    indices: Any
    pairs: list[tuple[int, int]]

    @classmethod
    def of(cls, left: Any, right: Any, width: int) -> _Combined:
        codes = pc.add(pc.multiply(left, width), right).dictionary_encode()
        return cls(codes.indices.cast(pa.int64()), [divmod(code, width) for code in codes.dictionary.to_pylist()])


def _derived(
    column: _Column, rule: Normalisation, virtual: VirtualTag, columns: Mapping[str, pa.DictionaryArray], steps: Steps
) -> _Column:
    """Give rows a virtual tag where its condition holds."""
    values = _Column(pa.repeat(pa.scalar(0, pa.int64()), len(column.indices)), [virtual.value])
    if virtual.value_of is not None:
        values = _values(virtual.value_of, column, columns)
    none = len(values.texts)
    choice = values.indices
    if virtual.condition is not None:
        choice = pc.if_else(_holds(virtual.condition, column, columns), choice, none)
    combined = _Combined.of(column.indices, choice, none + 1)
    texts: _Texts = []
    for entry, chosen in combined.pairs:
        text = column.texts[entry]
        value = values.texts[chosen] if chosen < none else None
        texts.append(text if value is None else _with_virtual(virtual, text, value))
    changed = [at for at, (entry, _) in enumerate(combined.pairs) if texts[at] != column.texts[entry]]
    if not changed:
        return column
    counts = _counts(combined.indices)
    steps[rule.name, f"virtual {virtual.key}"] += sum(counts[at] for at in changed)
    return _Column(combined.indices, texts)


def _with_virtual(virtual: VirtualTag, text: str | None, value: str) -> str | None:
    tags = read_object(text) if text is not None else {}
    derived = with_virtual(virtual, tags, value)
    return text if derived is tags else write_object(derived)


def _holds(condition: Condition, column: _Column, columns: Mapping[str, pa.DictionaryArray]) -> Any:
    """A mask of the rows for which a condition holds."""
    if isinstance(condition, Leaf):
        values = _values(condition.dimension, column, columns)
        return pc.take(pa.array([condition.holds(text) for text in values.texts], pa.bool_()), values.indices)
    parts = [_holds(part, column, columns) for part in condition.parts]
    if condition.operator == "not":
        return pc.invert(parts[0])
    join: Callable[[Any, Any], Any] = pc.and_ if condition.operator == "all" else pc.or_
    return functools.reduce(join, parts)


def _values(dimension: Dimension, column: _Column, columns: Mapping[str, pa.DictionaryArray]) -> _Column:
    """What rows have in a dimension."""
    if dimension.kind == "column":
        found = columns.get(dimension.name)
        return _Column.of(found) if found is not None else _Column(pc.multiply(column.indices, 0), [None])
    return _Column(column.indices, [None if text is None else tag_text(read_object(text), dimension.name)
                                    for text in column.texts])  # fmt: skip


def _before(first: _Column, now: _Column) -> pa.DictionaryArray | None:
    combined = _Combined.of(first.indices, now.indices, len(now.texts))
    texts = [first.texts[old] if first.texts[old] != now.texts[new] else None for old, new in combined.pairs]
    if all(first.texts[old] == now.texts[new] for old, new in combined.pairs):
        return None
    return _Column(combined.indices, texts).encoded()


def _counts(indices: Any) -> Counter[int]:
    return Counter({one["values"]: one["counts"] for one in pc.value_counts(indices).to_pylist()})


def _normalised(rule: Normalisation, text: str) -> tuple[str, frozenset[str]]:
    tags: Tags = read_object(text)
    result = normalise(rule, tags)
    return (write_object(result.tags), result.steps) if result.steps else (text, result.steps)
