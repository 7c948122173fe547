"""Rules that meet half-way, and what a rule set knows and gives to nobody: warnings, and only where they are proved."""

from __future__ import annotations

import pytest

from services.allocator.loading import check
from tests.unit.allocator.loading.deciding import bundle, said

FALLBACK = "fallback: {pool: p}\npools:\n  - {id: p, method: even, targets: all}\n"
ACCOUNTS = "account,env\na,prod\nb,dev\nc,dev\n"
TABLE = "attributes:\n  accounts: {table: accounts.csv, key: {column: SubAccountId}}\n"
ONE, TWO = "assign: {cost_center: CC-1}", "assign: {cost_center: CC-2}"


def found(first: str, second: str, attributes: str = "") -> list[str]:
    """What is said about two rules in lines 6 and 7."""
    text = f"rules:\n  - {{id: first, {first}}}\n  - {{id: second, {second}}}\n{FALLBACK}{attributes}"
    tables = {"accounts": ACCOUNTS} if attributes else {}
    assert check(bundle(text, **tables)) == []
    return list(said(text, **tables))


@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", f"when: {{tag: a, in: [y, z]}}, {TWO}", "'y'"),
        (f"when: {{tag: a, prefix: x}}, {ONE}", f"when: {{tag: a, in: [x1, x2, y]}}, {TWO}", "'x1', 'x2'"),
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", "when: {tag: a, in: [y, z]}, assign: {tag: team}", "'y'"),
        (
            f"when: {{tag: a, in: [x, y]}}, {ONE}",
            f"when: {{all: [{{tag: a, in: [y, z]}}, {{tag: b, exists: true}}]}}, {TWO}",
            "'y'",
        ),
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", "when: {tag: a, in: [y, z]}, assign: {pool: p}", "'y'"),
    ],
)
def test_values_of_a_rule_that_an_earlier_one_takes_are_named(first: str, second: str, values: str) -> None:
    (one,) = found(first, second)

    assert one == (
        f"rules.yaml:7: warning: second: no charge with {values} gets here: rule first in line 6 takes them all, "
        "for another target; take that out of this rule or of first, or exchange the two rules"
    )


def test_accounts_that_are_named_and_taken_by_an_attribute_before_are_found() -> None:
    first = f"when: {{attribute: accounts.env, equals: dev}}, {ONE}"

    (one,) = found(first, f"when: {{column: SubAccountId, in: [a, b]}}, {TWO}", TABLE)

    assert "no charge with 'b' gets here" in one


@pytest.mark.parametrize(
    ("first", "second", "attributes"),
    [
        (f"when: {{tag: a, equals: y}}, {ONE}", f"when: {{tag: a, in: [y, z]}}, {TWO}", ""),
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", f"when: {{tag: a, in: [y, z]}}, {ONE}", ""),
        ("when: {tag: a, in: [x, y]}, assign: {tag: team}", f"when: {{tag: a, in: [y, z]}}, {ONE}", ""),
        (
            f"when: {{all: [{{tag: a, in: [x, y]}}, {{tag: b, exists: true}}]}}, {ONE}",
            f"when: {{tag: a, in: [y, z]}}, {TWO}",
            "",
        ),
        (f"when: {{tag: a, in: [x, y]}}, {ONE}", f"when: {{not: {{tag: a, in: [y, z]}}}}, {TWO}", ""),
        (
            f"when: {{column: SubAccountId, in: [a, b]}}, {ONE}",
            f"when: {{attribute: accounts.env, equals: dev}}, {TWO}",
            TABLE,
        ),
    ],
    ids=["special before general", "same target", "may not resolve", "only some", "not", "accounts before their kind"],
)
def test_what_is_usual_or_not_proved_is_no_finding(first: str, second: str, attributes: str) -> None:
    assert found(first, second, attributes) == []


def test_an_override_is_there_to_take_something_from_others() -> None:
    when = "when: {tag: a, in: [x, y]}"
    override = f"overrides:\n  - {{id: o, {when}, {ONE}, until: 2026-12-31, reason: agreed}}\n"
    rule = f"rules:\n  - {{id: r, when: {{tag: a, in: [y, z]}}, {TWO}, valid_to: 2026-12-31}}\n"

    assert said(f"{override}{rule}{FALLBACK}") == []


WHEN = "when: {tag: a, equals: x}"


@pytest.mark.parametrize(
    ("until", "since", "message"),
    [
        ("2026-04-15", "2026-04-01", "from 2026-04-01 to 2026-04-15 rule first in line 6 takes these charges"),
        ("2026-03-31", "2026-04-02", "from 2026-04-01 to 2026-04-01 neither this nor rule first in line 6 holds"),
        ("2026-03-31", "2026-04-01", ""),
        ("2026-03-31", "2026-11-01", ""),
    ],
)
def test_days_that_two_rules_share_or_leave_out(until: str, since: str, message: str) -> None:
    warnings = found(f"{WHEN}, valid_to: {until}, {ONE}", f"{WHEN}, valid_from: {since}, {TWO}")

    advice = "; let one begin on the day after the other ends"
    assert warnings == ([f"rules.yaml:7: warning: second: {message}{advice}"] if message else [])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{WHEN}, valid_from: 2026-03-01, valid_to: 2026-03-31, {ONE}", f"{WHEN}, {TWO}"),
        (
            f"{WHEN}, valid_from: 2026-03-01, valid_to: 2026-03-31, {ONE}",
            f"{WHEN}, valid_from: 2026-02-01, valid_to: 2026-05-31, {TWO}",
        ),
        (
            f"{WHEN}, valid_to: 2026-03-31, {ONE}",
            f"when: {{tag: a, equals: z}}, valid_from: 2026-04-02, {TWO}",
        ),
    ],
    ids=["before what holds always", "inside another", "other charges"],
)
def test_an_exception_for_some_days_is_no_finding(first: str, second: str) -> None:
    assert found(first, second) == []


def test_days_on_which_a_mapped_value_is_nobodys_are_named() -> None:
    teams = "value,cost_center_id,valid_from,valid_to\nweb,CC-1,,2026-03-31\nweb,CC-2,2026-04-02,\nall,CC-3,,\n"
    text = "mappings: {teams: teams.csv}\nrules:\n  - {id: a, assign: {tag: team, mapping: teams}}\n"

    assert said(text, teams=teams) == [
        "teams.csv:3: warning: 'web' is nobody's from 2026-04-01 to 2026-04-01; "
        "let one line begin on the day after the other ends"
    ]
    assert said(text, teams=teams.replace("04-02", "04-01")) == []


OWNERS = "value,cost_center_id\na,CC-1\nb,CC-2\n"
BY_ACCOUNT = (
    f"{TABLE}mappings: {{owners: owners.csv}}\nrules:\n"
    "  - {id: dev, when: {attribute: accounts.env, equals: dev}, unless: {tag: x, exists: true}, assign: {tag: team}}\n"
    "  - {id: by-account, assign: {column: SubAccountId, mapping: owners}}\n"
)


def test_accounts_that_a_mapping_has_forgotten_are_named() -> None:
    (one,) = said(BY_ACCOUNT, owners=OWNERS, accounts=ACCOUNTS)

    assert one == (
        "accounts.csv: warning: no rule gives SubAccountId c to anybody, as by-account does others; "
        "add them to its mapping; until then their charges without tags are held in suspense"
    )


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        (BY_ACCOUNT, OWNERS + "c,CC-3\n"),
        (BY_ACCOUNT + FALLBACK, OWNERS),
        (BY_ACCOUNT.replace("assign: {column", "when: {tag: y, exists: false}, assign: {column"), OWNERS),
        (BY_ACCOUNT + f"  - {{id: c, when: {{column: SubAccountId, equals: c}}, {ONE}}}\n", OWNERS),
    ],
    ids=["all mapped", "the fallback has an owner", "not meant for all", "a rule of its own"],
)
def test_no_account_is_missed_where_somebody_takes_it_or_none_was_promised(text: str, owners: str) -> None:
    assert [one for one in said(text, owners=owners, accounts=ACCOUNTS) if "accounts.csv" in one] == []
