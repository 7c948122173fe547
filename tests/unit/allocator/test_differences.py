"""What differs between two rule sets, as people think of them: rules, pools, settings and table rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from apportion.cli import app
from services.allocator.differences import Change, Section, compare
from services.allocator.loading import Bundle

CENTERS = "cost_center_id,name,owner\nCC-1,One,ann\nCC-2,Two,bob\n"
TEAMS = "value,cost_center_id\nweb,CC-1\napp,CC-2\n"
RULES = """
name: small
effective_from: 2026-01
basis: EffectiveCost
cost_centers: cost-centers.csv
mappings: {teams: teams.csv}
rules:
  - {id: tax, when: {column: ChargeCategory, equals: Tax}, assign: {pool: shared}}
  - {id: team, assign: {tag: team, mapping: teams}}
  - {id: rest, assign: {cost_center: CC-1}}
fallback: {suspense: true}
pools:
  - {id: shared, method: even, targets: all}
"""


def bundle(document: str = RULES, centers: str = CENTERS, teams: str = TEAMS) -> Bundle:
    return Bundle(document, {"cost-centers.csv": centers, "teams.csv": teams})


def test_comments_layout_and_the_order_of_keys_make_no_difference() -> None:
    other = "# new\n" + RULES.replace(
        "{id: rest, assign: {cost_center: CC-1}}", "assign: {cost_center: CC-1}\n    id: rest"
    )
    assert compare(bundle(), bundle(other, teams="value,cost_center_id\r\napp,CC-2\r\nweb,CC-1\r\n")) == {}


def test_rules_are_added_removed_and_changed_by_id_and_only_what_changed_is_shown() -> None:
    other = RULES.replace("equals: Tax", "equals: Fee").replace("id: rest", "id: others")
    assert compare(bundle(), bundle(other)) == {
        "rules": Section(
            ("others",),
            ("rest",),
            (
                Change(
                    "tax",
                    {"when": {"column": "ChargeCategory", "equals": "Tax"}},
                    {"when": {"column": "ChargeCategory", "equals": "Fee"}},
                ),
            ),
        )
    }


def test_a_rule_that_is_tried_earlier_has_moved_and_the_others_have_not() -> None:
    lines = RULES.splitlines(keepends=True)
    rest = next(line for line in lines if "id: rest" in line)
    lines.remove(rest)
    lines.insert(lines.index("rules:\n") + 1, rest)
    assert compare(bundle(), bundle("".join(lines))) == {"rules": Section(moved=("rest",))}


def test_settings_and_pools_are_compared_too() -> None:
    other = RULES.replace("EffectiveCost", "BilledCost").replace("method: even", "method: proportional")
    assert compare(bundle(), bundle(other)) == {
        "settings": Section(changed=(Change("basis", "EffectiveCost", "BilledCost"),)),
        "pools": Section(changed=(Change("shared", {"method": "even"}, {"method": "proportional"}),)),
    }


def test_rows_of_tables_are_compared_by_their_key() -> None:
    centers = CENTERS.replace("bob", "bea") + "CC-3,Three,cid\n"
    assert compare(bundle(), bundle(centers=centers, teams="value,cost_center_id\napp,CC-2\n")) == {
        "cost-centers.csv": Section(added=("CC-3",), changed=(Change("CC-2", {"owner": "bob"}, {"owner": "bea"}),)),
        "teams.csv": Section(removed=("web",)),
    }


def test_a_key_with_several_rows_is_compared_with_all_of_them() -> None:
    dated = "value,cost_center_id,valid_from\nweb,CC-1,2026-01-01\nweb,CC-2,2026-06-01\n"
    (change,) = compare(bundle(teams=dated), bundle(teams=dated.replace("06-01", "07-01")))["teams.csv"].changed
    assert (change.key, len(change.before), change.after[1]["valid_from"]) == ("web", 2, "2026-07-01")


def write(directory: Path, content: Bundle) -> Path:
    directory.mkdir()
    (directory / "rules.yaml").write_text(content.document)
    for name, text in content.files.items():
        (directory / name).write_text(text)
    return directory


def diff(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", "diff", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command_compares_files_and_directories_without_a_service(tmp_path: Path) -> None:
    one = write(tmp_path / "one", bundle())
    two = write(tmp_path / "two", bundle(RULES.replace("id: rest", "id: others"), CENTERS.replace("bob", "bea")))

    assert diff(one, one) == (0, "no difference\n")
    assert diff(one, two / "rules.yaml") == (
        0,
        'rules:\n  + others\n  - rest\ncost-centers.csv:\n  ~ CC-2: {"owner": "bob"} -> {"owner": "bea"}\n',
    )
    found: dict[str, Any] = json.loads(diff(one, two, "--json")[1])
    assert found["differences"]["rules"] == {"added": ["others"], "removed": ["rest"], "changed": [], "moved": []}
    assert found["from"] == bundle().version


def test_the_command_says_what_it_can_not_compare(tmp_path: Path) -> None:
    broken = write(tmp_path / "broken", bundle(RULES.replace("CC-1", "CC-9")))

    code, said = diff("nothing/here", tmp_path)
    assert (code, "neither a file nor a version" in said) == (2, True)
    code, said = diff(tmp_path, broken)
    assert (code, "holds 0 YAML files" in said) == (2, True)
    code, said = diff(broken, broken)
    assert (code, "unknown cost center 'CC-9'" in said) == (2, True)
