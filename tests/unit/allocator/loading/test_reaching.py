"""Rules that no charge can reach are errors, and never a rule that one can; what nothing uses is a warning."""

from __future__ import annotations

import pytest

from services.allocator.loading import check
from tests.unit.allocator.loading.deciding import bundle, said

TEAMS = "value,cost_center_id\nweb,CC-1\nall,CC-2\nthe rest,CC-3\n"
ALL = "fallback: {pool: p}\npools:\n  - {id: p, method: even, targets: all}\n"


def hidden(first: str, second: str) -> bool:
    """Whether the second rule is said to be unreachable."""
    text = f"rules:\n  - {{id: first, {first}}}\n  - {{id: second, {second}}}\n{ALL}"
    found = said(text)
    assert found in ([], [_message()]), found
    return bool(found)


def _message() -> str:
    where = "no charge gets here: rule first in line 6 takes them all"
    return f"rules.yaml:7: second: {where}; move it before first, let that one take less, or delete this one"


ONE, TWO = "assign: {cost_center: CC-1}", "assign: {cost_center: CC-2}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ONE, "assign: {tag: team}"),
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", f"when: {{tag: a, equals: y}}, {TWO}"),
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", f"when: {{tag: a, in: [y, x]}}, {TWO}"),
        (f"when: {{tag: a, prefix: x}}, {ONE}", f"when: {{tag: a, prefix: xy}}, {TWO}"),
        (f"when: {{tag: a, prefix: x}}, {ONE}", f"when: {{any: [{{tag: a, in: [xy]}}, {{tag: a, in: [xz]}}]}}, {TWO}"),
        (f"when: {{tag: a, equals: x}}, {ONE}", f"when: {{all: [{{tag: b, in: [y]}}, {{tag: a, in: [x]}}]}}, {TWO}"),
        (f"when: {{any: [{{tag: a, in: [x]}}, {{tag: b, in: [y]}}]}}, {ONE}", f"when: {{tag: b, in: [y]}}, {TWO}"),
        (f"when: {{tag: a, exists: true}}, {ONE}", "assign: {tag: a}"),
        (f"when: {{tag: a, above: 5}}, {ONE}", f"when: {{tag: a, at_least: 6}}, {TWO}"),
        (f"when: {{tag: a, equals: x}}, {ONE}", f"valid_to: 2026-05-01, when: {{tag: a, equals: x}}, {TWO}"),
        (f"valid_from: 2026-03-01, {ONE}", f"valid_from: 2026-04-01, {TWO}"),
        ("assign: {shares: {CC-1: 50, CC-2: 50}}", TWO),
    ],
)  # fmt: skip
def test_a_rule_behind_one_that_takes_all_its_charges_is_refused(first: str, second: str) -> None:
    assert hidden(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("assign: {tag: team}", ONE),
        (f"when: {{tag: a, equals: y}}, {ONE}", f"when: {{tag: a, in: [x, y]}}, {TWO}"),
        (f"when: {{tag: a, prefix: xy}}, {ONE}", f"when: {{tag: a, prefix: x}}, {TWO}"),
        ("when: {tag: a, equals: x}, assign: {tag: team}", f"when: {{tag: a, equals: x}}, {TWO}"),
        (f"when: {{tag: a, equals: x}}, unless: {{tag: b, equals: y}}, {ONE}", f"when: {{tag: a, equals: x}}, {TWO}"),
        (f"valid_to: 2026-05-01, when: {{tag: a, equals: x}}, {ONE}", f"when: {{tag: a, equals: x}}, {TWO}"),
        (f"when: {{tag: a, exists: true}}, {ONE}", "assign: {tag: [a, b]}"),
        (f"when: {{tag: a, equals: x}}, {ONE}", f"when: {{tag: b, equals: x}}, {TWO}"),
        (f"when: {{tag: a, pattern: 'x.*'}}, {ONE}", f"when: {{tag: a, prefix: x}}, {TWO}"),
    ],
)  # fmt: skip
def test_a_rule_that_some_charge_may_reach_is_left_alone(first: str, second: str) -> None:
    assert not hidden(first, second)


def test_a_rule_that_is_wrong_hides_nothing_and_keeps_no_other_from_being_found() -> None:
    first, second = "when: {tag: a, contans: x}, " + ONE, f"when: {{tag: b, exists: true}}, {ONE}"
    rules = f"  - {{id: wrong, {first}}}\n  - {{id: b, {second}}}\n  - {{id: c, assign: {{tag: b}}}}\n"
    found = said(f"rules:\n{rules}  - {{id: d, assign: {{tag: c}}}}\n{ALL}")

    assert [one.partition(";")[0] for one in found] == [
        "rules.yaml:6: wrong: unknown operator 'contans'",
        "rules.yaml:8: c: no charge gets here: rule b in line 7 takes them all",
    ]


def test_a_rule_whose_target_changes_on_a_day_hides_nothing_by_itself() -> None:
    centers = "cost_center_id,name,valid_to,successor\nCC-1,One,2026-03-01,CC-2\nCC-2,Two,,\nCC-3,Three,,\n"
    rule = "rules:\n  - {id: first, assign: {cost_center: CC-1}}\n  - {id: second, assign: {cost_center: CC-3}}\n"

    assert said(rule + ALL, centers) == []


USING = "mappings: {teams: teams.csv}\nrules:\n  - {id: a, assign: {tag: team, mapping: teams}}\n"


@pytest.mark.parametrize(
    ("text", "table", "message"),
    [
        (
            USING.partition("rules")[0] + "rules: []\n" + ALL,
            TEAMS,
            "rules.yaml:5: warning: nothing uses mapping 'teams'",
        ),
        (
            "rules: []\n" + ALL.replace("{pool: p}", "{suspense: true}"),
            "",
            "rules.yaml:8: warning: p: no rule and no pool",
        ),
        (
            "rules:\n  - {id: a, assign: {cost_center: CC-2}}\n",
            "",
            "centers.csv:2: warning: no rule and no pool gives cost",
        ),
        (USING, TEAMS.replace("CC-1", "CC-2"), "centers.csv:2: warning: no rule and no pool gives cost to CC-1; map"),
        (USING + ALL, "value,cost_center_id\n", "teams.csv: warning: the table has no rows, so nothing is assigned"),
        (
            "rules:\n  - {id: a, when: {tag: x, in: [a, a]}, assign: {tag: t}}\n",
            "",
            "6: warning: a: 'a' is listed twice",
        ),
        ("rules:\n  - {id: a, assign: {tag: team}}\n", "", ""),
        (USING, TEAMS, ""),
    ],
)
def test_what_is_most_likely_not_meant_is_a_warning(text: str, table: str, message: str) -> None:
    tables = {"teams": table} if table else {}
    found = said(text, **tables)

    assert [message in one for one in found] == ([True] if message else [])
    assert check(bundle(text, **tables)) == []
