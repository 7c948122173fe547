"""Assignments: to whom a rule gives a charge, from what `assign` says, and on which days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from services.allocator.domain.rule_set import Divided, Lookup, Target, Tenure
from services.allocator.loading.conditions import column_dimension, compiled
from services.allocator.loading.days import ALWAYS, Days, day_after, day_before
from services.allocator.loading.mappings import cost_center_ids
from services.allocator.loading.numbers import decimal_of
from services.allocator.loading.owners import tenures
from services.allocator.loading.tables import Tables
from services.allocator.loading.targets import Known
from shared.documents import Mapping, Reader, Sequence, Text

KINDS: Final = ("cost_center", "pool", "shares", "tag", "column")
ASSIGN: Final = (
    "write assign: {cost_center: CC-100}, {pool: platform}, {tag: team}, {column: SubAccountId, mapping: accounts} "
    "or {shares: {CC-100: 70, CC-200: 30}}"
)
_SHARES: Final = "write shares: {CC-100: 70, CC-200: 30}"
_HUNDRED: Final = Decimal(100)

Assign = Target | Lookup | Divided


class Assigned(NamedTuple):
    """One alternative of an assignment, and the days on which it holds."""

    assign: Assign
    days: Days = ALWAYS


def read_assign(rule: Reader, tables: Tables, known: Known) -> list[Assigned]:
    """Read the `assign` of a rule: its alternatives in order; none, with the reason among the problems."""
    reader, problems = rule.mapping("assign", ASSIGN), rule.problems
    if reader is None:
        if "assign" not in rule.node.items:
            problems.add(rule.node.line, "assign is missing", ASSIGN)
        return []
    reader.allow(*KINDS, "mapping", "pattern")
    given = reader.node.items
    kinds = [key for key in KINDS if key in given]
    by_value = kinds in (["tag"], ["column"])
    if len(kinds) != 1 or (not by_value and given.keys() & {"mapping", "pattern"}):
        problems.add(reader.node.line, f"assign has {' and '.join(given) or 'nothing'}", ASSIGN)
        return []
    if by_value:
        return [Assigned(lookup) for lookup in _lookups(reader, kinds[0], tables)]
    if kinds == ["shares"]:
        return list(_divided(reader, known))
    return list(fixed(reader, kinds[0], known))


def fixed(reader: Reader, kind: str, known: Known) -> Iterator[Assigned]:
    """The pool that a key names, or the cost center: itself on its days, after them its successors."""
    name = reader.text(kind, ASSIGN)
    find = known.pool if kind == "pool" else known.cost_center
    target = find(name, reader.line(kind), reader.problems) if name else None
    if target is not None:
        for tenure in _owners(target, known):
            yield Assigned(target._replace(id=tenure.cost_center), Days(tenure.first, tenure.last))


def _lookups(reader: Reader, kind: str, tables: Tables) -> Iterator[Lookup]:
    dimensions = [found for text in _names(reader, kind) if (found := _dimension(reader, kind, text))]
    mapping, pattern, problems = None, None, reader.problems
    if "mapping" in reader.node.items:
        name = reader.text("mapping", "name one of the mappings") or ""
        mapping = tables.mappings.get(name)
        if mapping is None:
            advice = problems.suggestion(name, tables.mappings, "declare it under mappings")
            problems.add(reader.line("mapping"), f"unknown mapping {name!r}", advice)
    else:
        mapping = cost_center_ids(tables.cost_centers)
    if "pattern" in reader.node.items:
        pattern = reader.text("pattern", "write a regular expression with a group, such as (CC-[0-9]+)-.*") or ""
        checked = compiled(reader, pattern)
        if checked is not None and not checked.groups:
            advice = "put parentheses around the part that names the cost center: (CC-[0-9]+)-.*"
            problems.add(reader.line("pattern"), "the pattern has no group", advice)
    always, dated = mapping.owners if mapping else (None, {})
    for dimension in dimensions:
        yield Lookup(dimension, always, dated, pattern)


def _names(reader: Reader, kind: str) -> list[Text]:
    node = reader.node.items[kind]
    if isinstance(node, Sequence):
        names = reader.texts(kind, f"write {kind}: [first, second], the one to try first at the front")
    else:
        names = [node] if isinstance(node, Text) and node.text else []
        if not names:
            reader.problems.add(reader.line(kind), f"{kind} needs a name", ASSIGN)
    for i, name in enumerate(names):
        if name.text in {before.text for before in names[:i]}:
            reader.problems.add(name.line, f"{name.text!r} is listed twice", "keep the first of them")
    return names


def _dimension(reader: Reader, kind: str, name: Text) -> str | None:
    return f"tag:{name.text}" if kind == "tag" else column_dimension(reader, name.text)


def _divided(reader: Reader, known: Known) -> Iterator[Assigned]:
    """Divide a charge; where an owner changes on a day, there is one division before and one after it."""
    shares = _shares(reader, known)
    owners = {target: _owners(target, known) for target, _ in shares}
    held = [tenure for one in owners.values() for tenure in one]
    ends = {day_after(tenure.last) for tenure in held if tenure.last < ALWAYS.last}
    starts = sorted({ALWAYS.first} | {tenure.first for tenure in held} | ends)
    for first, following in zip(starts, [*starts[1:], None], strict=True):
        parts: dict[Target, Decimal] = defaultdict(Decimal)
        for target, percent in shares:
            for tenure in owners[target]:
                if tenure.first <= first <= tenure.last:
                    parts[target._replace(id=tenure.cost_center)] += percent
        if shares and sum(parts.values()) == _HUNDRED:
            days = Days(first, ALWAYS.last if following is None else day_before(following))
            yield Assigned(Divided(tuple(parts.items())), days)


def _owners(target: Target, known: Known) -> tuple[Tenure, ...]:
    return (Tenure(target.id),) if target.kind == "pool" else tenures(target.id, known.cost_centers)


def _shares(reader: Reader, known: Known) -> list[tuple[Target, Decimal]]:
    problems, node = reader.problems, reader.node.items["shares"]
    if not isinstance(node, Mapping) or not node.items:
        problems.add(reader.line("shares"), "shares name no targets", _SHARES)
        return []
    found, whole = [], Decimal(0)
    for name, value in node.items.items():
        target = known.target(name, node.key_lines[name], problems)
        percent = decimal_of(value, problems, f"the share of {name}")
        whole += percent or 0
        if percent == 0:
            problems.add(node.key_lines[name], f"the share of {name} is zero", "leave it out")
        if target and percent:
            found.append((target, percent))
    if whole != _HUNDRED:
        message = f"the shares add up to {whole}, not 100"
        problems.add(reader.line("shares"), message, "correct them; nothing is rounded")
        return []
    return found
