"""A bundle's rule set: everything read, everything checked against everything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, get_args

from services.allocator.domain.rule_set import FALLBACK_RULE, FIRST_DAY, SUSPENSE, Basis, Rule, RuleSet, Target
from services.allocator.loading.assignments import fixed
from services.allocator.loading.bundle import Bundle, tables_named
from services.allocator.loading.cost_centers import CostCenterRow
from services.allocator.loading.days import ALWAYS
from services.allocator.loading.gaps import warn_of_gaps
from services.allocator.loading.overlaps import warn_of_overlaps
from services.allocator.loading.pools import read_pools
from services.allocator.loading.problems import START, RuleSetInvalid, problems_of
from services.allocator.loading.reaching import refuse_unreachable
from services.allocator.loading.rules import Override, read_override, read_rule, rule_of
from services.allocator.loading.tables import read_tables
from services.allocator.loading.targets import Known
from services.allocator.loading.unused import warn_of_unused
from shared.documents import DocumentError, Problems, Reader, Text, read_document

RULES_MAX: Final = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BASES: Final[tuple[Basis, ...]] = get_args(Basis)
_KEYS: Final = (
    "name", "effective_from", "basis", "cost_centers", "mappings", "attributes", "overrides", "rules", "fallback",
    "pools", "reciprocal",
)  # fmt: skip
_FALLBACK: Final = "write fallback: {suspense: true}, {cost_center: CC-900} or {pool: platform}"


class Place(NamedTuple):
    """Where something is written: the document's file name, and the line, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class LoadedRuleSet:
    """A valid rule set, the version its bundle has, and its cost centers by id.

    `places` says where each rule, override and the fallback stands, by id, and each pool, by `pool:` and id.
    `overrides` has the reasons of those rules that are overrides. `warnings` are what is most likely not meant.
    """

    rule_set: RuleSet
    version: str
    cost_centers: Mapping[str, CostCenterRow]
    places: Mapping[str, Place]
    overrides: Mapping[str, Override]
    warnings: tuple[DocumentError, ...] = ()


def check(bundle: Bundle) -> list[DocumentError]:
    """Everything that is wrong with a bundle, in order of file and line; empty if it can be applied."""
    return [error for error in review(bundle)[1] if error.severity == "error"]


def review(bundle: Bundle) -> tuple[LoadedRuleSet | None, list[DocumentError]]:
    """A bundle's rule set, unless something is wrong with it, and errors and warnings in order of file and line."""
    try:
        loaded = load(bundle)
    except RuleSetInvalid as error:
        return None, sorted([*error.errors, *error.warnings])
    return loaded, list(loaded.warnings)


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
    loaded = _load(bundle, Reader(top, problems), problems)
    problems.raise_if_any()
    return loaded


def _load(bundle: Bundle, top: Reader, problems: Problems) -> LoadedRuleSet:
    """One pass over a document: tables first, then what refers to them."""
    top.allow(*_KEYS)
    tables = read_tables(bundle, top, problems)
    period = _matching(top, "effective_from", _PERIOD.pattern, "write the first billing period: 2026-01")
    pools = _with_ids(top, "pools", "list pools as {id: ..., method: ..., targets: ...}")
    first_day = f"{period}-01" if _PERIOD.fullmatch(period) else FIRST_DAY
    known = Known(tables.cost_centers, set(pools), tables.mappings, tables.attributes, first_day)
    overrides = _with_ids(
        top, "overrides", "list overrides as {id: ..., when: ..., assign: ..., until: ..., reason: ...}"
    )
    readers = _with_ids(top, "rules", "list rules as {id: ..., when: ..., assign: ...}", overrides)
    if len(readers) + len(overrides) > RULES_MAX:
        problems.add(top.line("rules"), f"more than {RULES_MAX} rules", "use mapping tables")
    first = {name: read_override(name, reader, tables, known) for name, reader in overrides.items()}
    rules: list[Rule] = [rule for found, _ in first.values() for rule in found]
    rules += [rule for name, reader in readers.items() for rule in read_rule(name, reader, tables, known)]
    by_day, fallback = _fallback(top, known)
    split, reciprocal = read_pools(top, pools, known)
    basis = _matching(top, "basis", "|".join(_BASES), f"choose {' or '.join(_BASES)}")
    rule_set = RuleSet(
        name=_matching(top, "name", _NAME.pattern, "use lower-case letters, digits and dashes"),
        effective_from=period,
        basis="BilledCost" if basis == "BilledCost" else "EffectiveCost",
        rules=(*rules, *by_day),
        fallback=fallback,
        pools=split,
        reciprocal=reciprocal,
    )
    written = overrides | readers | {f"pool:{name}": reader for name, reader in pools.items()}
    lines = {name: reader.node.line for name, reader in written.items()} | {FALLBACK_RULE: top.line("fallback")}
    wrong = {error.rule for error in problems.errors}
    if "" not in wrong:
        refuse_unreachable([rule for rule in rules if rule.id not in wrong], lines, problems)
    if not wrong:
        warn_of_overlaps([rule for rule in rules if rule.id not in overrides], readers, problems)
        warn_of_gaps(rule_set, known, problems)
        warn_of_unused(rule_set, top, known)
    reasons = {name: override for name, (_, override) in first.items()}
    places = {name: Place(bundle.document_name, line) for name, line in lines.items()}
    return LoadedRuleSet(rule_set, bundle.version, tables.cost_centers, places, reasons, problems.warnings)


def _matching(top: Reader, key: str, pattern: str, advice: str) -> str:
    text = top.text(key, advice)
    if text is not None and not re.fullmatch(pattern, text):
        top.problems.add(top.line(key), f"{key} can't be {text!r}", advice)
    return text or ""


def _with_ids(top: Reader, key: str, advice: str, before: Mapping[str, Reader] | None = None) -> dict[str, Reader]:
    """The items of a list by id; ids that are given twice, here or in what comes `before`, are problems."""
    found: dict[str, Reader] = {}
    for reader in top.mappings(key, advice):
        name = reader.text("id", "give every one an id that says what it is for")
        if name is None:
            continue
        if not _ID.fullmatch(name) or name == FALLBACK_RULE:
            advice = f"use up to 64 letters, digits, dots, dashes, underscores; {FALLBACK_RULE!r} is reserved"
            top.problems.add(reader.line("id"), f"{name!r} can't be an id", advice)
        earlier = found.get(name) or (before or {}).get(name)
        if earlier is not None:
            message = f"id {name!r} is given twice in {key if name in found else f'overrides and {key}'}"
            top.problems.add(
                reader.line("id"), message, f"rename one of them; the first is in line {earlier.node.line}"
            )
        found[name] = reader
    return found


def _fallback(top: Reader, known: Known) -> tuple[list[Rule], Target]:
    """Where the rest goes; if that is a cost center that begins or ends, last rules say whose it is on which day."""
    reader, problems = top.mapping("fallback", _FALLBACK), top.problems
    kinds = list(reader.node.items) if reader else []
    if reader is None or len(kinds) != 1 or kinds[0] not in {"suspense", "cost_center", "pool"}:
        problems.add(top.line("fallback"), "no fallback is declared", _FALLBACK)
        return [], SUSPENSE
    if kinds[0] == "suspense":
        value = reader.node.items["suspense"]
        if not isinstance(value, Text) or value.text != "true":
            problems.add(reader.line("suspense"), "suspense is not true", _FALLBACK)
        return [], SUSPENSE
    assigned = list(fixed(reader, kinds[0], known))
    if len(assigned) == 1 and isinstance(assigned[0].assign, Target) and assigned[0].days == ALWAYS:
        return [], assigned[0].assign
    return [rule_of(FALLBACK_RULE, one, []) for one in assigned], SUSPENSE
