"""The contracts and what is generated from them."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import msgspec
import pytest

from shared.events import Totals, decode, encode, generate
from shared.events.generate import CONTRACTS, DIRECTORY, broken_promises, schema
from shared.topics import COSTS, TOPICS


def test_every_topic_has_a_contract() -> None:
    assert set(CONTRACTS) == set(TOPICS)


def test_generated_files_are_current() -> None:
    for path, content in generate.documents().items():
        assert path.read_text("utf-8") == content, f"{path.name}: run `make docs`"


def test_committed_schemas_keep_their_promises() -> None:
    for topic in CONTRACTS:
        committed = json.loads((DIRECTORY / f"{topic.name}.schema.json").read_text("utf-8"))
        assert broken_promises(committed, schema(topic)) == []


def test_a_removed_or_newly_required_field_is_a_broken_promise() -> None:
    old = schema(COSTS)
    new = copy.deepcopy(old)
    del new["$defs"]["CostEvent"]["properties"]["row_hash"]
    new["$defs"]["CostEvent"]["required"].append("custom")
    assert broken_promises(old, new) == [
        "CostEvent.row_hash changed or is gone",
        "CostEvent.custom became required",
    ]


def test_unknown_fields_of_a_later_minor_version_are_ignored() -> None:
    one = Totals(billing_period="2026-09", currency="USD", events=1, billed_cost=Decimal(1), effective_cost=Decimal(2))
    extended = json.dumps(json.loads(encode(one)) | {"added_later": True}).encode()
    assert encode(decode(Totals, extended)) == encode(one)


@pytest.mark.parametrize(
    ("field", "value"), [("billing_period", "2026-13"), ("currency", "usd"), ("billed_cost", "1,5"), ("events", "many")]
)
def test_a_value_that_breaks_the_contract_is_named(field: str, value: str) -> None:
    body = {"billing_period": "2026-09", "currency": "USD", "events": 1, "billed_cost": "1", "effective_cost": "1"}
    with pytest.raises(msgspec.ValidationError, match=field):
        decode(Totals, json.dumps(body | {field: value}).encode())
