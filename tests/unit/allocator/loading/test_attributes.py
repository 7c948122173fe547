"""Conditions about what tables say of an account, or of a cost center."""

from __future__ import annotations

import pytest

from services.allocator.domain.conditions import rule_dimensions
from services.allocator.loading.attributes import cost_centers_where
from services.allocator.loading.cost_centers import read_cost_centers
from services.allocator.loading.problems import problems_of
from shared.documents import Reader, read_document
from tests.unit.allocator.loading.deciding import owner, rules, said

ACCOUNTS = "account,environment,budget,since\n111,prod,5000,2025-06-01\n222,dev,20,2026-02-01\n333,,,\n 4 4 ,prod,1,\n"
DECLARED = "attributes: {accounts: {table: accounts.csv, key: {column: SubAccountId}}}\n"
BY_ENVIRONMENT = (
    DECLARED + "rules:\n  - {id: a, when: {attribute: accounts.environment, equals: prod}, assign: {tag: t}}\n"
)


def takes(condition: str) -> set[str | None]:
    """The accounts whose charges a rule with this condition takes."""
    loaded = rules(
        f"{DECLARED}rules:\n  - {{id: a, when: {condition}, assign: {{cost_center: CC-1}}}}\n", accounts=ACCOUNTS
    )
    accounts = ("111", "222", "333", " 4 4 ", "4 4", "999", None)
    return {account for account in accounts if owner(loaded, SubAccountId=account) == "CC-1"}


@pytest.mark.parametrize(
    ("condition", "accounts"),
    [
        ("{attribute: accounts.environment, equals: prod}", {"111", " 4 4 "}),
        ("{attribute: accounts.environment, exists: true}", {"111", "222", " 4 4 "}),
        ("{attribute: accounts.environment, exists: false}", {"333", "4 4", "999", None}),
        ("{not: {attribute: accounts.environment, equals: prod}}", {"222", "333", "4 4", "999", None}),
        ("{attribute: accounts.budget, at_least: 20}", {"111", "222"}),
        ("{attribute: accounts.since, below: 2026-01-01}", {"111"}),
        ("{all: [{attribute: accounts.environment, suffix: v}, {column: SubAccountId, in: ['222', '111']}]}", {"222"}),
    ],
)  # fmt: skip
def test_a_test_of_an_attribute_is_a_test_of_the_key(condition: str, accounts: set[str | None]) -> None:
    assert takes(condition) == accounts


def test_attributes_are_looked_up_when_the_rules_are_loaded() -> None:
    assert rule_dimensions(rules(BY_ENVIRONMENT, accounts=ACCOUNTS).rule_set) == ("SubAccountId", "tag:t")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("accounts.environment", "acounts.environment", "rules.yaml:7: a: unknown attribute table 'acounts'; did"),
        ("accounts.environment", "accounts.enviroment", "rules.yaml:7: a: accounts.csv has no column 'enviroment'"),
        ("accounts.environment", "environment", "rules.yaml:7: a: unknown attribute table 'environment'; write"),
        ("equals: prod", "equals: production", "rules.yaml:7: warning: a: no row of accounts.csv passes this test"),
        (", key: {column: SubAccountId}", "", "rules.yaml:5: key is missing; write key: {column"),
        ("SubAccountId", "SubAccount", "rules.yaml:5: unknown column 'SubAccount'; did you mean SubAccountId?"),
        ("key: {column", "key: {tag: a, column", "rules.yaml:5: both column and tag are given; keep one"),
        ("table: accounts.csv", "table: other.csv", "rules.yaml:5: table other.csv is not in the bundle"),
        ("{accounts: {table", "{acc.ounts: {table", "rules.yaml:5: 'acc.ounts' can't name an attribute table"),
        ("attribute: accounts.environment, eq", "tag: x, eq", "rules.yaml:5: warning: nothing uses attribute"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_tables_is_named(old: str, new: str, message: str) -> None:
    found = said(BY_ENVIRONMENT.replace(old, new, 1), accounts=ACCOUNTS)

    assert any(one.startswith(message) for one in found), found


def test_a_key_is_listed_once() -> None:
    found = said(BY_ENVIRONMENT, accounts=ACCOUNTS + "111,dev,1,\n")

    assert found == ["accounts.csv:6: '111' is listed twice; keep one of the lines"]


def test_any_further_column_of_the_cost_centers_is_an_attribute() -> None:
    centers = read_cost_centers(
        "cost_center_id,name,owner,department,heads\nA,One,ann,IT,5\nB,Two,,IT,12\nC,Three,cyd,,\n",
        "c.csv",
        problems_of("c"),
    )

    assert centers["A"].attributes == {"department": "IT", "heads": "5"}
    assert centers["C"].attributes == {}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{attribute: department, equals: IT}", ["A", "B"]),
        ("{all: [{attribute: department, exists: true}, {attribute: heads, above: 5}]}", ["B"]),
        ("{attribute: owner, exists: false}", ["B"]),
        ("{not: {attribute: department, equals: IT}}", ["C"]),
        ("{attribute: cost_center_id, in: [C, A]}", ["A", "C"]),
    ],
)
def test_cost_centers_are_chosen_by_their_attributes(condition: str, expected: list[str]) -> None:
    assert chosen(condition) == (expected, [])


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("{attribute: departement, equals: IT}", "table has no column 'departement'; did you mean department?"),
        ("{attribute: department, equals: HR}", "no cost center meets this condition"),
        ("{tag: team, equals: a}", "a condition with nothing to test"),
    ],
)  # fmt: skip
def test_a_choice_that_chooses_nobody_is_a_mistake(condition: str, message: str) -> None:
    found, errors = chosen(condition)

    assert found == []
    assert [message in one for one in errors] == [True]


def chosen(condition: str) -> tuple[list[str], list[str]]:
    problems = problems_of("rules.yaml")
    table = "cost_center_id,name,owner,department,heads\nB,Two,,IT,12\nA,One,ann,IT,5\nC,Three,cyd,,\n"
    centers = read_cost_centers(table, "c.csv", problems)
    top = read_document(condition, problems, "a condition")
    assert top is not None
    found = cost_centers_where(Reader(top, problems), centers)
    return found, [str(error) for error in problems.errors]


def test_a_pool_may_choose_its_targets_by_their_attributes() -> None:
    centers = "cost_center_id,name,valid_to,department\nCC-1,One,,IT\nCC-2,Two,2025-12-31,IT\nCC-3,Three,,HR\n"
    chosen = "{where: {attribute: department, equals: IT}}"
    loaded = rules(f"fallback: {{pool: p}}\npools:\n  - {{id: p, method: even, targets: {chosen}}}\n", centers)

    assert [target.id for target in loaded.rule_set.pools[0].method.targets] == ["CC-1"]  # type: ignore[union-attr]
