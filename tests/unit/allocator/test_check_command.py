"""`rules check`: what it prints, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.allocator.commands.rules import rules
from tests.unit.allocator.archive import PERIOD, charge, write_archive

CENTERS = "cost_center_id,name\nCC-1,One\nCC-2,Two\n"
DOCUMENT = """\
name: acme
effective_from: 2026-01
basis: BilledCost
cost_centers: centers.csv
overrides:
  - {id: gift, when: {tag: a, equals: b}, assign: {cost_center: CC-1}, until: 2026-03-31, reason: paid centrally}
rules:
  - {id: one, assign: {cost_center: CC-1}}
fallback: {suspense: true}
"""


def check(folder: Path, document: str, *options: str) -> Result:
    (folder / "centers.csv").write_text(CENTERS)
    (folder / "rules.yaml").write_text(document)
    return CliRunner().invoke(rules, ["check", str(folder / "rules.yaml"), *options])


def test_warnings_are_shown_and_are_no_failure(tmp_path: Path) -> None:
    done = check(tmp_path, DOCUMENT)

    assert done.exit_code == 0
    assert "centers.csv:3: warning: no rule and no pool gives cost to CC-2" in done.stderr
    assert "2 rules, 0 pools, 2 cost centers; version" in done.stdout
    assert "override gift until 2026-03-31: paid centrally" in done.stdout


@pytest.mark.parametrize(("options", "exit_code", "errors"), [([], 0, 0), (["--strict"], 2, 1)])
def test_strict_takes_warnings_for_errors(
    tmp_path: Path, options: tuple[str, ...], exit_code: int, errors: int
) -> None:
    done = check(tmp_path, DOCUMENT, "--json", *options)

    said = json.loads(done.stdout)
    assert done.exit_code == exit_code
    assert (len(said["errors"]), len(said["warnings"])) == (errors, 1 - errors)


def test_errors_and_warnings_come_together(tmp_path: Path) -> None:
    twice = "when: {tag: a, in: [b, b]}, assign: {cost_center: CC-9}"
    done = check(tmp_path, DOCUMENT.replace("assign: {cost_center: CC-1}}\n", f"{twice}}}\n"), "--json")

    said = json.loads(done.stdout)
    assert done.exit_code == 2
    assert [(one["line"], one["rule"], one["severity"]) for one in said["errors"]] == [(8, "one", "error")]
    assert [(one["line"], one["rule"], one["severity"]) for one in said["warnings"]] == [(8, "one", "warning")]
    assert said["errors"][0]["message"] == "unknown cost center 'CC-9'"


RULES = """\
name: acme
effective_from: 2026-01
basis: BilledCost
cost_centers: centers.csv
rules:
  - {id: shop, when: {column: ServiceName, equals: shop}, assign: {cost_center: CC-1}}
  - {id: by-tag, assign: {tag: team}}
  - {id: never, when: {column: ServiceName, equals: nothing}, assign: {cost_center: CC-1}}
fallback: {suspense: true}
"""


def test_what_rules_take_of_a_month_is_told_with_whom_else_would_have_it(tmp_path: Path) -> None:
    rows = [
        charge("5", ServiceName="shop"), charge("3", ServiceName="shop", tags={"team": "CC-2"}),
        charge("1", ServiceName="shop", tags={"team": "CC-1"}), charge("7", tags={"team": "CC-2"}), charge("-2"),
    ]  # fmt: skip
    archive = write_archive(tmp_path / "archive", rows)
    asked = ("--archive", str(archive), "--period", PERIOD)

    said = json.loads(check(tmp_path, RULES, *asked, "--json").stdout)

    assert [tuple(one.values()) for one in said["rules"]] == [
        ("shop", "USD", None, 2, "6"),
        ("shop", "USD", "by-tag", 1, "3"),
        ("by-tag", "USD", None, 1, "7"),
        ("never", None, None, 0, "0"),
        ("fallback", "USD", None, 1, "-2"),
    ]
    assert "a later rule would give it to others" in check(tmp_path, RULES, *asked).stdout


def test_a_month_that_the_archive_lacks_is_said_and_half_a_question_refused(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "archive", [charge("1")])

    done = check(tmp_path, RULES, "--archive", str(archive), "--period", "2025-01")
    half = check(tmp_path, RULES, "--period", PERIOD)

    assert (done.exit_code, half.exit_code) == (2, 2)
    assert "nothing is in force for 2025-01" in done.stderr
    assert "--archive and --period go together" in half.stderr
