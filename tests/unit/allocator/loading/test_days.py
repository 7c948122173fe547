"""Cost centers that begin, end and have successors; mappings and rules by day."""

from __future__ import annotations

import pytest

from services.allocator.domain.conditions import rule_dimensions
from tests.unit.allocator.loading.deciding import owner, rules, said

HEAD = "cost_center_id,name,owner,valid_from,valid_to,successor\n"
CENTERS = (
    HEAD + "OLD,Old,a,,2026-01-16,NEW\nNEW,New,b,2026-01-17,2026-03-31,LAST\nLAST,Last,c,,,\nEND,End,d,,2026-02-01,\n"
)
TEAMS = "value,cost_center_id,valid_from,valid_to\nweb,END,,2026-01-16\nweb,LAST,2026-01-17,\napp,OLD,,\n"
BY_TAG = "rules:\n  - {id: by-tag, assign: {tag: team}}\n"


@pytest.mark.parametrize(
    ("day", "team", "expected"),
    [
        ("2026-01-16", "OLD", "OLD"), ("2026-01-17", "OLD", "NEW"), ("2026-04-01", "OLD", "LAST"),
        ("2026-01-16", "NEW", "nobody"), ("2026-03-31", "NEW", "NEW"), ("2026-04-01", "NEW", "LAST"),
        ("2026-02-01", "END", "END"), ("2026-02-02", "END", "nobody"), ("2026-04-01", "LAST", "LAST"),
    ],
)  # fmt: skip
def test_a_charge_belongs_to_the_cost_center_of_its_day_or_its_successor(day: str, team: str, expected: str) -> None:
    assert owner(rules(BY_TAG, CENTERS), day, tag_team=team) == expected


@pytest.mark.parametrize(
    ("day", "team", "expected"),
    [
        ("2026-01-16", "web", "END"), ("2026-01-17", "web", "LAST"),
        ("2026-01-16", "app", "OLD"), ("2026-03-31", "app", "NEW"), ("2026-04-01", "app", "LAST"),
    ],
)  # fmt: skip
def test_a_value_of_a_mapping_may_move_on_a_day(day: str, team: str, expected: str) -> None:
    text = "mappings: {teams: teams.csv}\nrules:\n  - {id: by-tag, assign: {tag: team, mapping: teams}}\n"

    assert owner(rules(text, CENTERS, teams=TEAMS), day, tag_team=team) == expected


def test_a_fixed_target_a_share_and_the_fallback_follow_the_successors() -> None:
    loaded = rules("""
rules:
  - {id: a, when: {tag: team, equals: a}, assign: {cost_center: OLD}}
  - {id: b, when: {tag: team, equals: b}, assign: {shares: {OLD: 70, NEW: 30}}}
  - {id: c, when: {tag: team, equals: c}, assign: {shares: {LAST: 60, END: 40}}}
fallback: {cost_center: OLD}
""", CENTERS)  # fmt: skip

    days = ("2026-01-16", "2026-01-17", "2026-02-02", "2026-04-01")
    assert [owner(loaded, day, tag_team="a") for day in days] == ["OLD", "NEW", "NEW", "LAST"]
    # Before the 17th NEW is nobody, so the rule does not match and the fallback takes the charge.
    assert [owner(loaded, day, tag_team="b") for day in days] == ["OLD", "NEW=100", "NEW=100", "LAST=100"]
    assert [owner(loaded, day, tag_team="c") for day in days] == ["LAST=60 END=40", "LAST=60 END=40", "NEW", "LAST"]
    assert [owner(loaded, day, tag_team="d") for day in days] == ["OLD", "NEW", "NEW", "LAST"]


def test_rules_hold_on_their_days() -> None:
    loaded = rules("""
rules:
  - {id: a, valid_from: 2026-01-10, valid_to: 2026-01-20, when: {tag: team, equals: a}, assign: {cost_center: LAST}}
  - {id: b, when: {column: ChargePeriodStart, equals: 2026-01-21}, assign: {cost_center: LAST}}
  - {id: c, when: {column: ChargePeriodStart, above: 2026-01-25}, assign: {cost_center: LAST}}
""", CENTERS)  # fmt: skip

    days = ("2026-01-09", "2026-01-10", "2026-01-20", "2026-01-21", "2026-01-22", "2026-01-25", "2026-01-26")
    assert [owner(loaded, day, tag_team="a") for day in days] == [
        "nobody", "LAST", "LAST", "LAST", "nobody", "nobody", "LAST",
    ]  # fmt: skip


def test_only_rules_that_depend_on_the_day_look_at_it() -> None:
    fixed = "rules:\n  - {id: a, when: {tag: team, exists: true}, assign: {cost_center: LAST}}\n"

    assert rule_dimensions(rules(fixed, CENTERS).rule_set) == ("tag:team",)
    assert rule_dimensions(rules(BY_TAG, "cost_center_id,name\nA,A\n").rule_set) == ("tag:team",)
    assert rule_dimensions(rules(BY_TAG, CENTERS).rule_set) == ("charge_day", "tag:team")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("A,A,,,2026-13-01,\n", "2: valid_to '2026-13-01' is not a day; write it like 2026-01-31"),
        ("A,A,,2026-02-01,2026-01-01,\n", "2: valid_to 2026-01-01 is before valid_from 2026-02-01; exchange them"),
        ("A,A,,,,B\nB,B,,,,\n", "2: cost center A has a successor and no end; give valid_to"),
        ("A1,A,,,2026-01-31,B1\nB2,B,,,,\n", "2: unknown successor 'B1'; add it to the table"),
        ("A,A,,,2026-01-31,B\nB,B,,,2026-01-31,A\n", "2: successors go in a circle: A -> B -> A; let the last"),
        ("A,A,,,2026-01-31,A\n", "2: successors go in a circle: A -> A"),
        ("A,A,,,2026-01-31,B\nB,B,,2026-02-02,,\n", "2: warning: A ends on 2026-01-31, its successor"),
        ("".join(f"C{i},C,,,2026-01-31,C{i + 1}\n" for i in range(60)) + "C60,C,,,,\n", "2: more than 50 successors"),
    ],
)  # fmt: skip
def test_dates_that_make_no_sense_are_named(table: str, message: str) -> None:
    found = said(BY_TAG, HEAD + table)

    assert any(one.startswith(f"centers.csv:{message}") for one in found), found


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("web,LAST,2026-03-01,\n", "5: 'web' is mapped twice on the same days; keep one"),
        ("web,OLD,2026-01-01,2026-01-05\n", "5: 'web' is mapped to two cost centers twice on the same days; keep one"),
        ("app,OLD,,\n", "5: warning: 'app' is listed twice; keep one of the lines; the first is 4"),
        ("new,LAST,soon,\n", "5: valid_from 'soon' is not a day"),
    ],
)  # fmt: skip
def test_days_of_a_mapping_do_not_overlap(row: str, message: str) -> None:
    text = "mappings: {teams: teams.csv}\nrules:\n  - {id: by-tag, assign: {tag: team, mapping: teams}}\n"
    found = said(text, CENTERS, teams=TEAMS + row)

    assert any(one.startswith(f"teams.csv:{message}") for one in found), found


def test_a_target_that_ended_before_the_rule_set_begins_is_refused() -> None:
    centers = HEAD + "A,A,,,2025-12-31,\nB,B,,,2025-12-31,C\nC,C,,,,\n"
    rule = "rules:\n  - {{id: a, when: {{tag: team, equals: a}}, assign: {}}}\n"
    message = "a: cost center A ended on 2025-12-31, before the rule set begins; name its successor"

    assert f"rules.yaml:6: {message} here, or in the cost centers table" in said(
        rule.format("{cost_center: A}"), centers
    )
    assert f"rules.yaml:6: {message} here, or in the cost centers table" in said(
        rule.format("{shares: {A: 50, C: 50}}"), centers
    )
    assert not any("ended" in one for one in said(rule.format("{cost_center: B}"), centers))


@pytest.mark.parametrize(
    "rule",
    ["valid_from: 2026-02-02, assign: {cost_center: END}", "assign: {shares: {A: 50, B: 50}}"],
)
def test_a_rule_that_holds_on_no_day_of_its_targets_is_refused(rule: str) -> None:
    centers = HEAD + "END,E,,,2026-02-01,\nA,A,,,2026-02-01,\nB,B,,2026-02-02,,\n"
    found = said(f"rules:\n  - {{id: a, {rule}}}\n", centers)

    assert any("a: there is no day on which its targets could take the cost; compare" in one for one in found), found


def test_all_are_those_who_have_not_ended() -> None:
    centers = HEAD + "A,A,,,2025-12-31,\nB,B,,,2026-01-01,\nC,C,,2027-01-01,,\n"
    loaded = rules("rules: []\nfallback: {pool: p}\npools:\n  - {id: p, method: even, targets: all}\n", centers)

    assert [target.id for target in loaded.rule_set.pools[0].method.targets] == ["B", "C"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("valid_from: 2026-02-01, valid_to: 2026-01-01", "a: valid_to 2026-01-01 is before valid_from 2026-02-01"),
        ("valid_to: 2025-12-31", "warning: a: it ended on 2025-12-31, before the rule set begins; delete it"),
        ("valid_from: January", "a: valid_from: January is not a day"),
    ],
)
def test_days_of_a_rule_are_checked(keys: str, message: str) -> None:
    found = said(f"rules:\n  - {{id: a, {keys}, assign: {{tag: team}}}}\n")

    assert any(message in one for one in found), found
