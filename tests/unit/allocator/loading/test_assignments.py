"""Whom a charge goes to: by fallbacks, patterns and shares, but for exclusions, and overridden up to a day."""

from __future__ import annotations

import pytest

from services.allocator.domain.assign import Decision
from services.allocator.domain.rule_set import Target
from services.allocator.loading import Place
from tests.unit.allocator.loading.deciding import CENTERS, decision, owner, rules, said

TEAMS = "value,cost_center_id\nweb,CC-1\nweb ops,CC-2\n"


def test_the_first_tag_that_resolves_decides() -> None:
    loaded = rules("""
mappings: {teams: teams.csv}
rules:
  - {id: by-tag, assign: {tag: [team, owner], mapping: teams}}
""", teams=TEAMS)  # fmt: skip

    assert owner(loaded, tag_team="web", tag_owner="web ops") == "CC-1"
    assert owner(loaded, tag_team="typo", tag_owner="web ops") == "CC-2"
    assert owner(loaded, tag_team=None, tag_owner="typo") == "nobody"
    assert decision(loaded, tag_owner="web").rule_id == "by-tag"


def test_a_pattern_takes_the_first_group_as_the_cost_center() -> None:
    loaded = rules("""
rules:
  - {id: by-project, assign: {tag: project, pattern: "(CC-[0-9]+)-.*"}}
""")

    assert owner(loaded, tag_project="CC-2-web") == "CC-2"
    assert owner(loaded, tag_project="CC-9-web") == "nobody"
    assert owner(loaded, tag_project="CC-2") == "nobody"


def test_a_pattern_may_look_its_group_up() -> None:
    loaded = rules("""
mappings: {teams: teams.csv}
rules:
  - {id: by-name, assign: {column: ResourceName, pattern: "[a-z]+/([^/]+)/.*", mapping: teams}}
""", teams=TEAMS)  # fmt: skip

    assert owner(loaded, ResourceName="prod/web ops/db-1") == "CC-2"
    assert owner(loaded, ResourceName="web") == "nobody"


def test_a_charge_may_have_several_owners() -> None:
    loaded = rules("""
rules:
  - {id: database, when: {column: ResourceId, equals: db}, assign: {shares: {CC-1: 62.5, CC-2: 30, "pool:it": 7.5}}}
pools:
  - {id: it, method: even, targets: all}
""")

    assert owner(loaded, ResourceId="db") == "CC-1=62.5 CC-2=30 it=7.5"


def test_a_rule_leaves_out_what_its_exclusion_names() -> None:
    loaded = rules("""
rules:
  - id: tax
    when: {column: ChargeCategory, equals: Tax}
    unless: {tag: team, in: [a, b]}
    assign: {cost_center: CC-1}
  - {id: rest, unless: {tag: team, exists: true}, assign: {cost_center: CC-2}}
""")

    assert owner(loaded, ChargeCategory="Tax", tag_team=None) == "CC-1"
    assert owner(loaded, ChargeCategory="Tax", tag_team="a") == "nobody"
    assert owner(loaded, ChargeCategory="Usage", tag_team=None) == "CC-2"


OVERRIDDEN = """
overrides:
  - id: migration
    when: {tag: team, equals: web}
    assign: {cost_center: CC-3}
    until: 2026-02-10
    reason: the move is paid centrally, agreed with finance
rules:
  - {id: web, when: {tag: team, equals: web}, assign: {cost_center: CC-1}}
"""


def test_an_override_comes_first_up_to_its_last_day() -> None:
    loaded = rules(OVERRIDDEN)

    assert decision(loaded, "2026-02-10", tag_team="web") == Decision("migration", Target("cost_center", "CC-3"))
    assert decision(loaded, "2026-02-11", tag_team="web") == Decision("web", Target("cost_center", "CC-1"))
    assert loaded.overrides["migration"].until == "2026-02-10"
    assert loaded.overrides["migration"].reason == "the move is paid centrally, agreed with finance"


def test_everything_with_an_id_has_its_place() -> None:
    loaded = rules(OVERRIDDEN + "pools:\n  - {id: web, method: even, targets: all}\n")

    assert loaded.places == {
        "migration": Place("rules.yaml", 6), "web": Place("rules.yaml", 12), "pool:web": Place("rules.yaml", 14),
        "fallback": Place("rules.yaml", 15),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("assign", "message"),
    [
        ("{shares: {CC-1: 70, CC-2: 29.99}}", "a: the shares add up to 99.99, not 100; correct them"),
        ("{shares: {CC-1: 100, CC-2: 0}}", "a: the share of CC-2 is zero; leave it out"),
        ("{shares: {CC-1: 100, CC-9: 0}}", "a: unknown cost center 'CC-9'"),
        ("{shares: {CC-1: 170, CC-2: -70}}", "a: the share of CC-2 is not a number from 0 on"),
        ("{shares: [CC-1]}", "a: shares name no targets; write shares: {"),
        ("{shares: {CC-1: 100}, mapping: teams}", "a: assign has shares and mapping"),
        ("{tag: []}", "a: tag needs a list of values"),
        ("{tag: [team, team]}", "a: 'team' is listed twice"),
        ("{column: [RegionId, Region]}", "a: column Region is not in FOCUS 1.4; use RegionId"),
        ('{tag: team, pattern: "CC-.*"}', "a: the pattern has no group; put parentheses"),
        ('{tag: team, pattern: "(?=CC)(.*)"}', "a: not a regular expression: invalid perl operator: (?="),
        ("{tag: team, mapping: teems}", "a: unknown mapping 'teems'; did you mean teams?"),
        ("{tags: team}", "a: unknown key 'tags'; did you mean tag?"),
        ("{cost_center: CC-1, pattern: x}", "a: assign has cost_center and pattern"),
    ],
)  # fmt: skip
def test_an_assignment_that_makes_no_sense_is_refused(assign: str, message: str) -> None:
    text = f"mappings: {{teams: teams.csv}}\nrules:\n  - {{id: a, assign: {assign}}}\n"

    assert any(one.startswith(f"rules.yaml:7: {message}") for one in said(text, teams=TEAMS)), said(text, teams=TEAMS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    reason: the move is paid centrally, agreed with finance\n", "", "6: migration: reason is missing"),
        ("    until: 2026-02-10\n", "", "6: migration: until is missing; write the last"),
        ("2026-02-10", "2026-02-30", "9: migration: until: 2026-02-30 is not a day"),
        ("2026-02-10", "2025-12-31", "9: warning: migration: it ended on 2025-12-31, before the rule set begins"),
        ("    when: {tag: team, equals: web}\n    assign", "    assign", "6: migration: when is missing; say which"),
        ("    until", "    valid_to: 2026-03-01\n    until", "9: migration: unknown key 'valid_to'"),
        ("id: web", "id: migration", "12: id 'migration' is given twice in overrides and rules; rename"),
        ("- {id: web", "- {unles: {tag: x, exists: true}, id: web", "12: web: unknown key 'unles'; did you"),
    ],
)  # fmt: skip
def test_an_override_says_why_and_how_long(old: str, new: str, message: str) -> None:
    found = said(OVERRIDDEN.replace(old, new, 1))

    assert any(one.startswith(f"rules.yaml:{message}") for one in found), found


def test_ids_without_dates_look_at_no_day() -> None:
    loaded = rules("rules:\n  - {id: a, assign: {tag: team}}\n", CENTERS)

    (rule,) = loaded.rule_set.rules
    assert rule.assign.dated == {}  # type: ignore[union-attr]
