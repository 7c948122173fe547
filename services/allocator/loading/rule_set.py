"""A bundle's rule set: everything read, everything checked against everything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from services.allocator.domain.rule_set import FALLBACK_RULE, SUSPENSE, Basis, Lookup, Rule, RuleSet, Target
from services.allocator.loading.bundle import Bundle, tables_named
from services.allocator.loading.conditions import read_condition, read_dimension
from services.allocator.loading.pools import Known, read_pools
from services.allocator.loading.problems import START, RuleSetInvalid, problems_of
from services.allocator.loading.tables import CostCenterRow, read_cost_centers, read_mapping
from shared.documents import DocumentError, Problems, Reader, Text, read_document

RULES_MAX: Final = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BASES: Final[tuple[Basis, ...]] = get_args(Basis)
_KEYS: Final = (
    "name",
    "effective_from",
    "basis",
    "cost_centers",
    "mappings",
    "rules",
    "fallback",
    "pools",
    "reciprocal",
)
_ASSIGN: Final = "write assign: {cost_center: CC-100}, {pool: platform}, {tag: team} or {column: SubAccountId, ...}"
_FALLBACK: Final = "write fallback: {suspense: true}, {cost_center: CC-900} or {pool: platform}"


@dataclass(frozen=True, slots=True)
class LoadedRuleSet:
    """A valid rule set, the version its bundle has, and its cost centers by id."""

    rule_set: RuleSet
    version: str
    cost_centers: Mapping[str, CostCenterRow]


def check(bundle: Bundle) -> list[DocumentError]:
    """Everything that is wrong with a bundle, in order of file and line; empty if it can be applied."""
    try:
        load(bundle)
    except RuleSetInvalid as error:
        return list(error.errors)
    return []


def load(bundle: Bundle) -> LoadedRuleSet:
    """Read a bundle.

    Raises:
        RuleSetInvalid: with every error found.
    """
    problems = problems_of(bundle.document_name)
    top = read_document(bundle.document, problems, START)
    problems.raise_if_any()
    assert top is not None
    for name in sorted(bundle.files.keys() - tables_named(top, problems).keys()):
        problems.add(0, "the document does not name this table", "leave it out of the bundle", file=name)
    loaded = _Loading(bundle, Reader(top, problems), problems).load()
    problems.raise_if_any()
    return loaded


class _Loading:
    """One pass over a document: tables first, then what refers to them."""

    def __init__(self, bundle: Bundle, top: Reader, problems: Problems) -> None:
        self._bundle, self._top, self._problems = bundle, top, problems
        self._cost_centers: dict[str, CostCenterRow] = {}
        self._mappings: dict[str, dict[str, str]] = {}

    def load(self) -> LoadedRuleSet:
        self._top.allow(*_KEYS)
        self._read_tables()
        pool_readers = self._with_ids("pools", "list pools as {id: ..., method: ..., targets: ...}")
        known = Known(self._cost_centers, set(pool_readers), self._mappings)
        rule_readers = self._with_ids("rules", "list rules as {id: ..., when: ..., assign: ...}")
        if len(rule_readers) > RULES_MAX:
            self._problems.add(self._top.line("rules"), f"more than {RULES_MAX} rules", "use mapping tables")
        rules = [self._rule(rule_id, reader, known) for rule_id, reader in rule_readers.items()]
        basis = self._matching("basis", "|".join(_BASES), f"choose {' or '.join(_BASES)}")
        pools, reciprocal = read_pools(self._top, pool_readers, known)
        rule_set = RuleSet(
            name=self._matching("name", _NAME.pattern, "use lower-case letters, digits and dashes"),
            effective_from=self._matching("effective_from", _PERIOD.pattern, "write the first billing period: 2026-01"),
            basis="BilledCost" if basis == "BilledCost" else "EffectiveCost",
            rules=tuple(rule for rule in rules if rule),
            fallback=self._fallback(known),
            pools=pools,
            reciprocal=reciprocal,
        )
        return LoadedRuleSet(rule_set, self._bundle.version, self._cost_centers)

    def _matching(self, key: str, pattern: str, advice: str) -> str:
        text = self._top.text(key, advice)
        if text is not None and not re.fullmatch(pattern, text):
            self._problems.add(self._top.line(key), f"{key} can't be {text!r}", advice)
        return text or ""

    def _read_tables(self) -> None:
        name = self._top.text("cost_centers", "name the CSV file with cost_center_id,name,owner")
        text = self._table(name, self._top.line("cost_centers"))
        if name and text is not None:
            self._cost_centers = read_cost_centers(text, name, self._problems)
        mappings = self._top.mapping("mappings", "write mappings: {teams: teams.csv}")
        for key in mappings.node.items if mappings else ():
            assert mappings is not None
            name = mappings.text(key, "name a CSV file with value,cost_center_id")
            text = self._table(name, mappings.line(key))
            self._mappings[key] = read_mapping(text, name, self._cost_centers, self._problems) if name and text else {}

    def _table(self, name: str | None, line: int) -> str | None:
        if name is None or name in self._bundle.files:
            return self._bundle.files.get(name or "")
        self._problems.add(line, f"table {name} is not in the bundle", "put the file beside the document")
        return None

    def _with_ids(self, key: str, advice: str) -> dict[str, Reader]:
        found: dict[str, Reader] = {}
        for reader in self._top.mappings(key, advice):
            name = reader.text("id", "give every one an id that says what it is for")
            if name is None:
                continue
            if not _ID.fullmatch(name) or name == FALLBACK_RULE:
                advice = f"use up to 64 letters, digits, dots, dashes, underscores; {FALLBACK_RULE!r} is reserved"
                self._problems.add(reader.line("id"), f"{name!r} can't be an id", advice)
            if name in found:
                self._problems.add(reader.line("id"), f"id {name!r} is given twice in {key}", "rename one of them")
            found[name] = reader
        return found

    def _rule(self, rule_id: str, reader: Reader, known: Known) -> Rule | None:
        self._problems.rule = rule_id
        reader.allow("id", "when", "assign")
        condition = None
        if "when" in reader.node.items:
            when = reader.mapping("when", "leave `when` out to take every charge")
            condition = read_condition(when) if when else None
        assign = self._assign(reader, known)
        self._problems.rule = ""
        return Rule(rule_id, assign, condition) if assign else None

    def _assign(self, reader: Reader, known: Known) -> Target | Lookup | None:
        assign = reader.mapping("assign", _ASSIGN)
        if assign is None:
            if "assign" not in reader.node.items:
                self._problems.add(reader.node.line, "assign is missing", _ASSIGN)
            return None
        assign.allow("cost_center", "pool", "tag", "column", "mapping")
        kinds = [key for key in ("cost_center", "pool", "tag", "column") if key in assign.node.items]
        if len(kinds) != 1 or ("mapping" in assign.node.items and kinds[0] in {"cost_center", "pool"}):
            self._problems.add(assign.node.line, f"assign has {' and '.join(assign.node.items) or 'nothing'}", _ASSIGN)
            return None
        return self._lookup(assign) if kinds[0] in {"tag", "column"} else self._target(assign, kinds[0], known, _ASSIGN)

    def _lookup(self, assign: Reader) -> Lookup | None:
        dimension = read_dimension(assign)
        name = assign.text("mapping", "name one of the mappings", "") or None
        if name is not None and name not in self._mappings:
            self._problems.add(assign.line("mapping"), f"unknown mapping {name!r}", "declare it under mappings")
        return Lookup(dimension, self._mappings.get(name) if name else None) if dimension else None

    def _target(self, reader: Reader, kind: str, known: Known, advice: str) -> Target | None:
        name = reader.text(kind, advice)
        if name is None:
            return None
        find = known.pool if kind == "pool" else known.cost_center
        return find(name, reader.line(kind), self._problems)

    def _fallback(self, known: Known) -> Target:
        reader = self._top.mapping("fallback", _FALLBACK)
        kinds = list(reader.node.items) if reader else []
        if reader is None or len(kinds) != 1 or kinds[0] not in {"suspense", "cost_center", "pool"}:
            self._problems.add(self._top.line("fallback"), "no fallback is declared", _FALLBACK)
            return SUSPENSE
        if kinds[0] == "suspense":
            value = reader.node.items["suspense"]
            if not isinstance(value, Text) or value.text != "true":
                self._problems.add(reader.line("suspense"), "suspense is not true", _FALLBACK)
            return SUSPENSE
        return self._target(reader, kinds[0], known, _FALLBACK) or SUSPENSE
