"""The examples of docs/rules.md are rule sets, do what the page says, and fit the schema for editors."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from services.allocator.domain.assign import assigner
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.rule_set import Divided, Target
from services.allocator.loading import Bundle, load, load_bundle, review
from services.allocator.loading.pools.methods import METHODS
from services.allocator.loading.pools.policies import KEYS as POLICIES
from tests.unit.allocator.loading.test_assignments import OVERRIDDEN
from tests.unit.allocator.loading.test_errors import DOCUMENT
from tests.unit.allocator.loading.test_pools import AMOUNTS, CHARGED, CPU, EVEN, RATE, bundle, said
from tests.unit.allocator.recipes import recipes
from tests.unit.allocator.test_documented_pools import EXAMPLES as POOLS
from tests.unit.allocator.test_documented_pools import rule_set_of

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml|csv) (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [text for kind, name, text in BLOCKS if (kind, name) == ("yaml", "rules")]
TABLES = {name: text for kind, name, text in BLOCKS if kind == "csv" and name.endswith(".csv")}
CHARGES = list(csv.DictReader(next(text for _, name, text in BLOCKS if name == "charges").splitlines()))
SCHEMA = json.loads((ROOT / "docs/rules.schema.json").read_text(encoding="utf-8"))
EDITOR = jsonschema.Draft202012Validator(SCHEMA)


def example(text: str) -> Bundle:
    """An example with those of the page's tables that it names."""
    return Bundle(text, {name: table for name, table in TABLES.items() if name in text})


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_can_be_applied(text: str) -> None:
    assert [str(one) for one in review(example(text))[1]] == []


@pytest.mark.parametrize("charge", CHARGES, ids=str)
def test_a_charge_goes_where_the_page_says(charge: dict[str, str]) -> None:
    loaded = load(example(EXAMPLES[0]))
    values = {name: value or None for name, value in charge.items()}
    rule, goes_to = charge["rule"], charge["goes to"]
    dimensions = tuple(sorted({*rule_dimensions(loaded.rule_set), *values}))

    decided = assigner(loaded.rule_set, loaded.cost_centers, dimensions)(tuple(map(values.get, dimensions)))

    target = decided.target
    shares = target.targets if isinstance(target, Divided) else [(target, "")]
    assert decided.rule_id == rule
    assert " ".join(f"{_name(one)} {part}".strip() for one, part in shares) == goes_to


def _name(target: Target) -> str:
    return target.id or "SUSPENSE"


def test_the_page_has_what_these_tests_are_about() -> None:
    assert len(EXAMPLES) == 1
    assert len(CHARGES) >= 10


def documents() -> list[Any]:
    example_set = load_bundle(ROOT / "examples/real-multicloud/rules.yaml").document
    head = DOCUMENT.partition("rules:")[0] + "fallback: {pool: shared}\n"
    pools = [rule_set_of(document) for document, _, _ in POOLS]
    texts = (*EXAMPLES, example_set, DOCUMENT, head + OVERRIDDEN, *pools, *(recipe.document for recipe in recipes()))
    return [_plain(text) for text in texts]


class _Editor(yaml.SafeLoader):
    """YAML as editors read it: numbers and truth are values, days are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- it is the base class's way
        first: [one for one in resolvers if not one[0].endswith("timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _plain(text: str) -> Any:
    return yaml.load(text, _Editor)


def test_the_schema_takes_what_can_be_applied() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for document in documents():
        EDITOR.validate(document)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("basis: BilledCost", "basis: ListCost"), ("basis:", "bases:"), ("2026-01", "2026-13"),
        ("equals: Tax", "equal: Tax"), ("equals: Tax", "equals: Tax, prefix: T"), ("equals: Tax", ""),
        ("column: ChargeCategory, ", ""), ("{pool: shared}", "{pool: shared, cost_center: CC-1}"),
        ("tag: team, mapping", "mapping"), ("{suspense: true}", "{suspense: false}"), ("id: tax, ", ""),
        ("{tag: team, mapping: teams}", "{shares: {}}"), ("when: {column", "unles: {column"),
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_check_refuses(old: str, new: str) -> None:
    text = DOCUMENT.replace(old, new, 1)

    assert text != DOCUMENT
    assert review(
        Bundle(text, {"centers.csv": "cost_center_id,name\nCC-1,a\nCC-2,b\n", "teams.csv": "value,cost_center_id\n"})
    )[1]
    with pytest.raises(jsonschema.ValidationError):
        EDITOR.validate(_plain(text))


BASED = "method: proportional, targets: all, base:"
FLOOR = "method: floor_plus_variable, variable: {method: even, targets: all}, floor:"
CAP = f"{EVEN}, cap:"
WRONG_POOLS = (
    "method: equal, targets: all", "targets: all", "method: even", "method: even, targets: some",
    "method: even, targets: []", "method: even, targets: {CC-1: 1}", "method: weighted, targets: [CC-1]",
    "method: weighted, targets: {CC-1: -1}", "method: weighted, targets: {CC-1: x}", f"{EVEN}, base: direct",
    f"{EVEN}, partitionby: [InvoiceId]", f"{EVEN}, partition_by: InvoiceId", f"{EVEN}, partition_by: []",
    f"{EVEN}, partition_by: [{{tags: a}}]", f"{EVEN}, detail: drop", f"{EVEN}, when_negative: 'to all'",
    "method: as_charged", f"{CHARGED}, targets: all", f"{CHARGED}, otherwise: even", f"{CHARGED}, where: {{}}",
    f"{BASED} cost", f"{BASED} {{}}", f"{BASED} {{basis: ListCost}}",
    f"{BASED} {{where: {{tag: a}}}}", f"{BASED} direct, min_percent: 101",
    f"{BASED} direct, when_zero: 'to all'", f"{CAP} {{amounts: {{CC-1: 5}}, currency: USD}}",
    f"{CAP} {{amounts: {{CC-1: 5}}, currency: usd, spill: CC-2}}",
    f"{CAP} {{amounts: {{}}, currency: USD, spill: CC-2}}",
    f"{CPU}, drivers: [{{metric: gb}}]", "method: driver, targets: all", "method: driver, targets: all, drivers: []",
    "method: driver, targets: all, drivers: [{weight: 2}]",
    "method: driver, targets: all, drivers: [{metric: a, wight: 2}]",
    "method: driver, targets: all, driver: {metric: a, weight: 2}",
    "method: driver, targets: all, driver: {metric: a, aggregate: max}",
    "method: driver, targets: all, driver: {metric: a, missing: {last_known_days: 0}}",
    "method: driver, targets: all, driver: {metric: a, missing: {then: even}}",
    f"{CPU}, combine: costs", f"{CPU}, subjects: {{maping: spaces}}", f"{CPU}, tiers: []",
    f"{CPU}, tiers: [{{up_to: 3}}]",
    AMOUNTS, f"{AMOUNTS}, rest: {{method: even}}", f"{AMOUNTS}, rest: {{{EVEN}, base: direct}}",
    f"{AMOUNTS}, rest: {{{EVEN}, percent: 5}}", f"{FLOOR} {{{EVEN}}}", f"{FLOOR} {{{EVEN}, percent: 5, rate: 1}}",
    RATE, f"{RATE}, rate: 1, rates: [{{rate: 1}}]", f"{RATE}, rate: 1, min_percent: 5", f"{RATE}, rate: -1",
)  # fmt: skip


@pytest.mark.parametrize("keys", WRONG_POOLS)
def test_the_schema_refuses_pools_that_the_check_refuses(keys: str) -> None:
    assert said(keys)
    with pytest.raises(jsonschema.ValidationError):
        EDITOR.validate(_plain(bundle(f"  - {{id: p, {keys}}}\n").document))


def test_the_schema_knows_every_method_and_every_key_of_it() -> None:
    methods = SCHEMA["$defs"]["method"]
    keys = {part["if"]["properties"]["method"]["const"]: set(part["then"]["properties"]) for part in methods["allOf"]}
    assert keys == {name: set(names) for name, (_, names) in METHODS.items()}
    assert set(methods["properties"]["method"]["enum"]) == set(METHODS)
    assert set(SCHEMA["properties"]["pools"]["items"]["properties"]) == {"id", *POLICIES}
