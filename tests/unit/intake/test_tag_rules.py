"""Tag rules: what they do to one set of tags, and what a document of them is refused for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from services.intake.commands import intake
from services.intake.domain.tags import Case, Dimension, Normalisation, lookalikes, normalise
from services.intake.settings import IntakeSettings
from services.intake.tag_rules import TagRulesInvalid, read_tag_rules

HOUSE = Normalisation(
    "house", trim=True, key_case=Case.LOWER, aliases={"costcenter": "cost-center", "cc": "cost-center"},
    value_case={"env": Case.LOWER}, values={"env": {"production": "prod"}},
)  # fmt: skip


def test_keys_and_values_come_to_their_names() -> None:
    tags, steps = normalise(HOUSE, {" Env": "PRODUCTION ", "CostCenter": "K1", "n": 3, "on": True})
    assert tags == {"env": "prod", "cost-center": "K1", "n": 3, "on": True}
    assert steps == {"trim", "key-case", "value-case", "value", "alias"}


def test_tags_in_order_are_left_alone() -> None:
    assert normalise(HOUSE, {"env": "prod", "cost-center": "K1"}) == ({"env": "prod", "cost-center": "K1"}, frozenset())


@pytest.mark.parametrize(
    ("tags", "expected", "in_conflict"),
    [
        ({"cost-center": "1", "CostCenter": "2"}, "1", True),
        ({"Cost-Center": "1", "cc": "2"}, "1", True),
        ({"cc": "2", "costcenter": "3"}, "3", True),
        ({"cc": "2", "costcenter": "2 "}, "2", False),
    ],
)
def test_of_several_tags_with_one_name_the_closest_wins(
    tags: dict[str, object], expected: str, in_conflict: bool
) -> None:
    for order in (tags, dict(reversed(tags.items()))):
        result, steps = normalise(HOUSE, order)
        assert result == {"cost-center": expected}
        assert ("conflict" in steps) is in_conflict


words = st.sampled_from(["env", " Env ", "CC", "cc", "costcenter", "cost-center", "Production", "prod"])
texts = st.one_of(words, st.text(max_size=4))


@given(st.dictionaries(texts, st.one_of(texts, st.integers(), st.booleans(), st.none()), max_size=5))
def test_normalising_twice_changes_nothing_more(tags: dict[str, object]) -> None:
    once = normalise(HOUSE, tags).tags
    assert normalise(HOUSE, once).tags == once


def test_keys_that_look_alike_are_found() -> None:
    found = lookalikes(["cost-center", "Cost Center", "costcenter", "env", " env", "team"])
    assert found == [(" env", "env"), ("Cost Center", "cost-center", "costcenter")]


def test_a_document_becomes_normalisations() -> None:
    (rule,) = read_tag_rules("""
normalise:
  - name: house
    sources: [aws]
    trim: true
    key_case: lower
    aliases: {cost-center: [Cost_Center, cc]}
    value_case: {env: lower}
    values: {env: {Production: prod}}
    virtual:
      - tag: team
        value_of: {column: SubAccountName}
        when:
          all:
            - {column: ServiceName, prefix: [Amazon, AWS]}
            - not: {tag: team, exists: true}
""")
    assert rule.concerns("aws")
    assert not rule.concerns("azure")
    assert rule.aliases == {"cost_center": "cost-center", "cc": "cost-center"}
    assert rule.values == {"env": {"production": "prod"}}
    assert rule.virtual[0].value_of == Dimension("column", "SubAccountName")


INVALID = """normalise:
  - name: house
    trim: yes
    key_case: title
    colour: red
    aliases:
      cost-center: [cc]
      owner: [cc, cost-center]
    value_case: {env: lower}
    values:
      env: {Production: PROD, live: prod, prod: p}
    virtual:
      - tag: team
        value: a
        value_of: {column: SubAccountName}
      - tag: team
        value: a
        when: {column: BilledCost, equals: "1"}
      - value: b
        when: {column: ProviderName, equals: AWS, prefix: A}
  - name: house
"""


def test_every_error_is_named_at_once_with_its_line() -> None:
    with pytest.raises(TagRulesInvalid) as raised:
        read_tag_rules(INVALID, "tags.yaml")
    said = str(raised.value).splitlines()
    for expected in (
        "tags.yaml:3: house: trim: yes; write true or false",
        "tags.yaml:4: house: 'title' is no case; write lower, upper or keep",
        "tags.yaml:5: unknown key 'colour'",
        "tags.yaml:8: house: 'cc' is an alias of 'cost-center' and of 'owner'",
        "tags.yaml:8: house: 'cost-center' is an alias and has aliases itself",
        "tags.yaml:11: house: 'PROD' is not in the case or without the blanks that env asks for",
        "tags.yaml:11: house: 'prod' is a result and is mapped itself",
        "tags.yaml:13: house: a virtual tag has exactly one of value and value_of",
        "tags.yaml:18: house: column BilledCost is an amount, a date or an object",
        "tags.yaml:19: house: tag is missing",
        "tags.yaml:20: house: column ProviderName is not in FOCUS 1.4; use ServiceProviderName",
        "tags.yaml:20: house: a test with equals and prefix",
        "two normalisations are called 'house'",
    ):
        assert any(expected in line for line in said), f"{expected}\nnot in\n{raised.value}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "start it with `normalise:`"),
        ("normalise: []", "normalise is missing"),
        ("normalise: &a [*a]", "anchors and aliases are not allowed"),
        ("normalise: !!python/object/apply:os.system [ls]", "an item of normalise is not a mapping"),
        ("normalise: {", "not readable as YAML"),
    ],
)
def test_documents_that_are_no_tag_rules_say_why(text: str, expected: str) -> None:
    with pytest.raises(TagRulesInvalid, match=expected):
        read_tag_rules(text)


def test_the_command_checks_a_file(tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "examples" / "tags.yaml"
    good = CliRunner().invoke(intake, ["tags", "check", str(example)])
    assert good.exit_code == 0, good.output
    assert "house-style" in good.output
    (tmp_path / "bad.yaml").write_text(INVALID)
    bad = CliRunner().invoke(intake, ["tags", "check", str(tmp_path / "bad.yaml"), "--json"])
    assert (bad.exit_code, '"line": 20' in bad.output) == (2, True)
    assert CliRunner().invoke(intake, ["tags", "check", str(tmp_path / "none.yaml")]).exit_code == 2


def test_the_service_does_not_start_with_rules_that_have_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.yaml").write_text(INVALID)
    monkeypatch.setenv("APPORTION_INTAKE_TAG_RULES", str(tmp_path / "bad.yaml"))
    with pytest.raises(ValidationError, match=r"bad\.yaml:3: house: trim: yes"):
        IntakeSettings()
    (tmp_path / "bad.yaml").write_text("normalise:\n  - name: a\n    trim: true\n")
    assert [one.name for one in IntakeSettings().tag_rules] == ["a"]
