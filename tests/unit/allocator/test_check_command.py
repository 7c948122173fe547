"""`rules check`: what it prints, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.allocator.commands.rules import rules

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
