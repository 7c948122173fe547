"""Rules and overrides: when, to whom, on which days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.allocator.domain.rule_set import CHARGE_DAY, FIRST_DAY, LAST_DAY, All, Condition, Leaf, Not, Rule
from services.allocator.loading.assignments import Assigned, read_assign
from services.allocator.loading.conditions import read_condition
from services.allocator.loading.days import Days, read_day
from services.allocator.loading.tables import Tables
from services.allocator.loading.targets import Known
from shared.documents import Reader

_RULE_KEYS: Final = ("id", "when", "unless", "assign", "valid_from", "valid_to")
_OVERRIDE_KEYS: Final = ("id", "when", "assign", "until", "reason")


@dataclass(frozen=True, slots=True)
class Override:
    """Why a rule comes before all others, and the last charge day on which it does."""

    until: str
    reason: str


def read_rule(rule_id: str, reader: Reader, tables: Tables, known: Known) -> list[Rule]:
    """Read a rule: one for each alternative of its assignment, all with its id; none if it makes no sense."""
    reader.problems.rule = rule_id
    reader.allow(*_RULE_KEYS)
    days = Days(read_day(reader, "valid_from") or FIRST_DAY, read_day(reader, "valid_to") or LAST_DAY)
    if days.are_none:
        message = f"valid_to {days.last} is before valid_from {days.first}"
        reader.problems.add(reader.line("valid_to"), message, "exchange them")
    elif days.last < known.first_day:
        _warn_of_the_past(reader, "valid_to", days.last)
    rules = list(_rules(rule_id, reader, days, tables, known))
    reader.problems.rule = ""
    return rules


def read_override(rule_id: str, reader: Reader, tables: Tables, known: Known) -> tuple[list[Rule], Override]:
    """Read an override: a rule that comes before all others up to a day, for a reason."""
    problems = reader.problems
    problems.rule = rule_id
    reader.allow(*_OVERRIDE_KEYS)
    reason = reader.text("reason", "say why, and who decided it") or ""
    until = read_day(reader, "until") or ""
    if "until" not in reader.node.items:
        problems.add(reader.node.line, "until is missing", "write the last charge day it holds for: 2026-03-31")
    elif until and until < known.first_day:
        _warn_of_the_past(reader, "until", until)
    if "when" not in reader.node.items:
        problems.add(reader.node.line, "when is missing", "say which charges; an override is never for all of them")
    rules = list(_rules(rule_id, reader, Days(last=until or LAST_DAY), tables, known))
    problems.rule = ""
    return rules, Override(until, reason)


def rule_of(rule_id: str, assigned: Assigned, conditions: Sequence[Condition]) -> Rule:
    """A rule that takes charges which meet all conditions, on the days of its assignment."""
    parts = (*conditions, *_on(assigned.days))
    return Rule(rule_id, assigned.assign, All(parts) if len(parts) > 1 else parts[0] if parts else None)


def _rules(rule_id: str, reader: Reader, days: Days, tables: Tables, known: Known) -> Iterator[Rule]:
    when = _condition(reader, "when", known)
    unless = _condition(reader, "unless", known)
    conditions = [*([when] if when else []), *([Not(unless)] if unless else [])]
    errors = len(reader.problems.errors)
    assigned = [Assigned(assign, days.within(held)) for assign, held in read_assign(reader, tables, known)]
    possible = [one for one in assigned if not one.days.are_none]
    if not possible and not days.are_none and len(reader.problems.errors) == errors:
        advice = "compare its days with those of the cost centers"
        reader.problems.add(reader.line("assign"), "there is no day on which its targets could take the cost", advice)
    for one in possible:
        yield rule_of(rule_id, one, conditions)


def _condition(reader: Reader, key: str, known: Known) -> Condition | None:
    if key not in reader.node.items:
        return None
    inner = reader.mapping(key, f"leave `{key}` out, or write a condition: {{tag: team, equals: web}}")
    return read_condition(inner, known.attributes) if inner else None


def _on(days: Days) -> Iterator[Leaf]:
    """Tests of the charge day; none for a side that is open, as looking at days makes thirty buckets of one."""
    if days.first != FIRST_DAY:
        yield Leaf(CHARGE_DAY, "at_least", (days.first,))
    if days.last != LAST_DAY:
        yield Leaf(CHARGE_DAY, "at_most", (days.last,))


def _warn_of_the_past(reader: Reader, key: str, day: str) -> None:
    message = f"it ended on {day}, before the rule set begins"
    reader.problems.warn(reader.line(key), message, "delete it; only late corrections can still meet it")
