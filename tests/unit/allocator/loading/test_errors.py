"""Every mistake in a rule set is found, with its line, its rule and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.allocator.loading import Bundle, RuleSetInvalid, check, load, load_bundle

CENTERS = "cost_center_id,name,owner\nCC-1,One,ann\nCC-2,Two,bob\n"
TEAMS = "value,cost_center_id\nweb,CC-1\n"
DOCUMENT = """\
name: acme
effective_from: 2026-01
basis: BilledCost
cost_centers: centers.csv
mappings: {teams: teams.csv}
rules:
  - {id: tax, when: {column: ChargeCategory, equals: Tax}, assign: {pool: shared}}
  - {id: team, assign: {tag: team, mapping: teams}}
fallback: {suspense: true}
pools:
  - {id: shared, method: fixed_percent, targets: {CC-1: 60, CC-2: 40}}
"""


def errors(old: str = "", new: str = "", files: dict[str, str] | None = None) -> list[str]:
    """What is said about the rule set after a change."""
    assert old in DOCUMENT
    tables = {"centers.csv": CENTERS, "teams.csv": TEAMS} | (files or {})
    return [str(error) for error in check(Bundle(DOCUMENT.replace(old, new, 1) if old else DOCUMENT, tables))]


def test_the_rule_set_is_right_before_it_is_changed() -> None:
    assert errors() == []


TAX = "when: {column: ChargeCategory, equals: Tax}"
SHARED = "method: fixed_percent, targets: {CC-1: 60, CC-2: 40}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: acme", "name: Acme!", "rules.yaml:1: name can't be 'Acme!'"),
        ("name: acme\n", "", "rules.yaml:1: name is missing"),
        ("2026-01", "2026-13", "rules.yaml:2: effective_from can't be '2026-13'"),
        ("BilledCost", "ListCost", "rules.yaml:3: basis can't be 'ListCost'; choose BilledCost or EffectiveCost"),
        ("basis:", "bases:", "rules.yaml:3: unknown key 'bases'"),
        ("centers.csv", "../centers.csv", "rules.yaml:4: '../centers.csv' is not a plain file name"),
        ("centers.csv", "other.csv", "rules.yaml:4: table other.csv is not in the bundle"),
        ("ChargeCategory", "ChargeCategry", "tax: unknown column 'ChargeCategry'; did you mean ChargeCategory?"),
        ("ChargeCategory", "ProviderName", "tax: column ProviderName is not in FOCUS 1.4; use ServiceProviderName"),
        ("ChargeCategory", "BilledCost", "rules.yaml:7: tax: column BilledCost is an amount, a date or an object"),
        (TAX, "when: {column: RegionId, tag: x, equals: y}", "rules.yaml:7: tax: a condition with column and tag"),
        (TAX, "when: {column: RegionId}", "rules.yaml:7: tax: a test with no operator"),
        (TAX, "when: {column: RegionId, equals: a, prefix: b}", "rules.yaml:7: tax: a test with equals and prefix"),
        (TAX, "when: {column: RegionId, in: []}", "rules.yaml:7: tax: in needs a list of values"),
        (TAX, "when: {all: []}", "rules.yaml:7: tax: all joins no conditions"),
        (TAX, "when: {column: RegionId, exists: maybe}", "rules.yaml:7: tax: exists: maybe"),
        (TAX, 'when: {column: RegionId, pattern: "a["}', "rules.yaml:7: tax: not a regular expression"),
        (TAX, f'when: {{column: RegionId, pattern: "{"a" * 201}"}}', "rules.yaml:7: tax: a pattern longer than 200"),
        (TAX, "when: {column: RegionId, contans: a}", "tax: unknown operator 'contans'; did you mean contains?"),
        (TAX, "when: {colum: RegionId, equals: a}", "a condition with nothing to test; did you mean column?"),
        (TAX, "when: {tag: x, above: much}", "rules.yaml:7: tax: above: 'much' is neither a number nor a day; write"),
        (TAX, "when: {tag: x, above: 2026-02-30}", "tax: above: '2026-02-30' is neither a number nor a day"),
        (TAX, "when: {tag: x, above: [1]}", "rules.yaml:7: tax: above takes one value; use in for a list"),
        (TAX, "when: {column: ChargePeriodStart, above: 5}", "rules.yaml:7: tax: above: '5' is not a day"),
        (TAX, "when: {column: ChargePeriodStart, prefix: a}", "tax: prefix can't test the day of ChargePeriodStart"),
        (TAX, "when: {column: ChargePeriodEnd, above: 2026-01-01}", "tax: column ChargePeriodEnd is an amount, a date"),
        (TAX, "when: {column: PricingQuantity, above: 1}", "tax: column PricingQuantity is an amount, a date"),
        (TAX, "when: {colum: ChargeCategory, attribute: a.b, exists: x}", "tax: exists: x; write exists: true or"),
        ("{pool: shared}", "{pool: sharde}", "rules.yaml:7: tax: unknown pool 'sharde'; did you mean shared?"),
        ("basis:", "base:", "rules.yaml:3: unknown key 'base'"),
        ("{pool: shared}", "{pool: other}", "rules.yaml:7: tax: unknown pool 'other'"),
        ("{pool: shared}", "{cost_center: CC-9}", "rules.yaml:7: tax: unknown cost center 'CC-9'; add it to"),
        (", assign: {pool: shared}", "", "rules.yaml:7: tax: assign is missing"),
        ("{pool: shared}", "{pool: shared, cost_center: CC-1}", "rules.yaml:7: tax: assign has pool and cost_center"),
        ("id: team", "id: tax", "rules.yaml:8: id 'tax' is given twice in rules"),
        ("id: team", "id: fallback", "rules.yaml:8: 'fallback' can't be an id"),
        ("mapping: teams", "mapping: other", "rules.yaml:8: team: unknown mapping 'other'"),
        ("fallback: {suspense: true}\n", "", "rules.yaml:1: no fallback is declared"),
        ("{suspense: true}", "{suspense: false}", "rules.yaml:9: suspense is not true"),
        ("CC-2: 40", "CC-2: 39.5", "rules.yaml:11: shared: the percentages add up to 99.5, not 100"),
        ("CC-2: 40", "CC-2: -40", "rules.yaml:11: shared: the percentage of CC-2 is not a number from 0 on"),
        ("CC-2: 40", "CC-9: 40", "rules.yaml:11: shared: unknown cost center 'CC-9'"),
        (SHARED, "method: magic, targets: all", "rules.yaml:11: shared: unknown method 'magic'"),
        (SHARED, "method: even, targets: []", "rules.yaml:11: shared: the pool has no targets"),
        (SHARED, "method: even", "rules.yaml:11: shared: the pool has no targets"),
        (SHARED, "method: even, targets: [CC-1, CC-1]", "rules.yaml:11: shared: target CC-1 is listed twice"),
        (SHARED, "method: even, targets: all, exclude: [CC-1, CC-2]", "rules.yaml:11: shared: the pool has no targets"),
        (SHARED, "method: weighted, targets: {CC-1: 0}", "rules.yaml:11: shared: all weights are zero"),
        (SHARED, "method: even, targets: all, when_zero: even", "shared: when_zero has no meaning for even"),
        (SHARED, 'method: even, targets: ["pool:shared"]', "in a circle: shared -> shared"),
        ("pools:", "pools: {}\nrules:", "rules.yaml:11: key 'rules' is given twice"),
        ("name: acme", "name: &a acme", "rules.yaml:1: not readable as YAML: anchors and aliases are not allowed"),
        ("name: acme", "name: [", "not readable as YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_remedy(old: str, new: str, said: str) -> None:
    found = errors(old, new)

    assert any(error.startswith(said) or said in error for error in found), found
    assert all("; " in error for error in found)


@pytest.mark.parametrize(
    ("name", "table", "said"),
    [
        ("centers.csv", "id,name\nCC-1,One\n", "centers.csv:1: column 'cost_center_id' is missing"),
        ("centers.csv", CENTERS + "CC-1,Again,\n", "centers.csv:4: cost center CC-1 is listed twice"),
        ("centers.csv", CENTERS + "suspense,No,\n", "centers.csv:4: 'suspense' can't be a cost center id"),
        ("centers.csv", CENTERS + "a/b,No,\n", "centers.csv:4: 'a/b' can't be a cost center id"),
        ("centers.csv", CENTERS + "CC-3\n", "centers.csv:4: 1 cells in a table of 3 columns"),
        ("centers.csv", "cost_center_id,name\n", "centers.csv: no cost centers"),
        ("centers.csv", CENTERS + '"CC-3,x,y\n', "not readable as CSV"),
        ("teams.csv", TEAMS + "web,CC-2\n", "teams.csv:3: 'web' is mapped to two cost centers twice"),
        ("teams.csv", TEAMS + "app,CC-9\n", "teams.csv:3: unknown cost center 'CC-9'"),
        ("more.csv", "a\n", "more.csv: the document does not name this table"),
    ],
)
def test_a_mistake_in_a_table_is_named_too(name: str, table: str, said: str) -> None:
    found = errors(files={name: table})

    assert any(error.startswith(said) or said in error for error in found), found


def test_all_mistakes_come_at_once_in_order() -> None:
    document = DOCUMENT.replace("BilledCost", "Cost").replace("pool: shared", "pool: other").replace("40", "41")

    found = check(Bundle(document, {"centers.csv": CENTERS, "teams.csv": TEAMS}))

    assert [(error.line, error.rule) for error in found] == [(3, ""), (7, "tax"), (11, "shared")]


def test_a_longer_cycle_is_named() -> None:
    pools = """\
  - {id: shared, method: even, targets: ["pool:other"]}
  - {id: other, method: even, targets: ["pool:shared", CC-1]}
"""
    found = errors("  - {id: shared, method: fixed_percent, targets: {CC-1: 60, CC-2: 40}}\n", pools)

    (error,) = found
    assert error.startswith(
        "rules.yaml:12: other: pools feed each other in a circle: other -> shared -> other; take one"
    )


def test_files_are_read_beside_the_document_and_nowhere_else(tmp_path: Path) -> None:
    rules = tmp_path / "rules" / "acme.yaml"
    rules.parent.mkdir()
    rules.write_text(DOCUMENT)
    (tmp_path / "secret.csv").write_text(CENTERS)
    (rules.parent / "centers.csv").symlink_to(tmp_path / "secret.csv")

    with pytest.raises(RuleSetInvalid) as error:
        load_bundle(rules)

    assert [str(e) for e in error.value.errors] == [
        "acme.yaml:4: centers.csv is a link out of its directory; copy the file",
        "acme.yaml:5: teams.csv can't be read: No such file or directory; check the name and its rights",
    ]


def test_a_bundle_is_the_same_version_wherever_it_lies(tmp_path: Path) -> None:
    versions = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name, content in (("rules.yaml", DOCUMENT), ("centers.csv", CENTERS), ("teams.csv", TEAMS)):
            (tmp_path / folder / name).write_text(content)
        versions.add(load(load_bundle(tmp_path / folder / "rules.yaml")).version)

    assert len(versions) == 1
    assert load(Bundle(DOCUMENT + "# more\n", {"centers.csv": CENTERS, "teams.csv": TEAMS})).version not in versions


def test_values_stay_as_they_are_written() -> None:
    document = DOCUMENT.replace("equals: Tax", "in: [yes, 012, 1e3, ~]")

    (tax, _) = load(Bundle(document, {"centers.csv": CENTERS, "teams.csv": TEAMS})).rule_set.rules

    assert tax.when is not None
    assert tax.when.values == ("yes", "012", "1e3", "~")  # type: ignore[union-attr]


@pytest.mark.parametrize("document", ["", "- a\n", "a: " + "[" * 40 + "]" * 40, "\x00", "x" * (2 << 20)])
def test_what_is_no_rule_set_is_refused_with_a_reason(document: str) -> None:
    (error,) = check(Bundle(document, {}))

    assert error.message
    assert error.advice


def test_a_directory_stands_for_its_only_document_or_for_rules_yaml(tmp_path: Path) -> None:
    (tmp_path / "cc.csv").write_text("cost_center_id,name\nA,Alpha\n")
    document = "name: n\neffective_from: 2026-01\nbasis: BilledCost\ncost_centers: cc.csv\nfallback: {suspense: true}\n"
    (tmp_path / "one.yml").write_text(document)
    assert load_bundle(tmp_path).document_name == "one.yml"

    (tmp_path / "two.yaml").write_text(document)
    with pytest.raises(RuleSetInvalid, match=r"holds 2 YAML files; name the rule set, or call it rules.yaml"):
        load_bundle(tmp_path)

    (tmp_path / "rules.yaml").write_text(document)
    assert load_bundle(tmp_path).document_name == "rules.yaml"
