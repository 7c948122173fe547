"""What the fast ways through JSON Lines must not change: digits, lines, and keys that come late or twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.intake.reading import line_columns
from services.intake.reading.csv_chunks import Chunk
from services.intake.reading.errors import MalformedJson
from services.intake.reading.json_lines import LineParser, column_names
from services.intake.reading.known_keys import KnownKeys


def texts(names: Sequence[str], *lines: str) -> list[dict[str, str | None]]:
    table, _ = LineParser("a.jsonl", names).parse(Chunk("\n".join(lines).encode(), 1))
    return [dict(zip(names, row.values(), strict=True)) for row in table.to_pylist()]


def keys(*lines: str) -> list[str]:
    return column_names("a.jsonl", iter([Chunk((line + "\n").encode(), at) for at, line in enumerate(lines, 1)]))


@pytest.mark.parametrize(
    "digits",
    ["0", "-1.50", "5.068800000000000", "1e5", "2.323760000E-9", "12345678901234567890.123456789012345678", "0.10",
     "9007199254740993", "0.1234567890123456789012345678901234567890"],
)  # fmt: skip
def test_a_number_stays_as_it_was_written(digits: str) -> None:
    assert texts(["a"], f'{{"a":{digits}}}', f'{{"a":"{digits}"}}') == [{"a": digits}] * 2


def test_values_of_every_kind_in_one_column() -> None:
    lines = ['{"a":"x"}', '{"a":1}', "{}", '{"a":true}', '{"a":null}', '{"a":""}', '{"a":"NULL"}', '{"a":1.10}']
    expected = ["x", "1", None, "true", None, None, None, "1.10"]
    assert [row["a"] for row in texts(["a"], *lines)] == expected
    nested = texts(["a"], *lines, '{"a":{"z":1.10,"b":[1e2]}}')
    assert [row["a"] for row in nested] == [*expected, '{"b":[1E+2],"z":1.10}']


@pytest.mark.parametrize("digits", ["1e5", "-0", "1.10", "7"])
def test_a_number_beside_objects_is_the_same_text_as_without(digits: str) -> None:
    (alone,) = texts(["a"], f'{{"a":{digits}}}')
    assert texts(["a"], f'{{"a":{digits}}}', '{"a":{}}')[0] == alone


def test_objects_may_come_late_and_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_columns, "_BLOCK_BYTES", 64)
    rows: list[dict[str, Any]] = [{"n": str(at), "tags": "none", "x": at % 7} for at in range(50)]
    rows[30]["tags"] = {"b": 2, "a": "1"}
    rows[31]["x"] = [1, "a"]
    parser = LineParser("a.jsonl", ["n", "tags", "x"])
    data = "\n".join(json.dumps(row) for row in rows).encode()
    for _ in range(2):
        found = parser.parse(Chunk(data, 1))[0].to_pylist()
        assert [row["c0"] for row in found] == [str(at) for at in range(50)]
        assert {row["c1"] for row in found[:30] + found[31:]} == {"none"}
        assert (found[30]["c1"], found[31]["c2"], found[32]["c2"]) == ('{"a":"1","b":2}', '[1,"a"]', "4")


def test_a_broken_line_is_named_wherever_its_block_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_columns, "_BLOCK_BYTES", 64)
    lines = [f'{{"a":"{at}"}}' for at in range(40)]
    lines[33] = '{"a":"33"'
    with pytest.raises(MalformedJson) as refused:
        LineParser("a.jsonl", ["a"]).parse(Chunk("\n".join(lines).encode(), 101))
    assert refused.value.line == 134


def test_a_key_may_come_in_the_last_line_for_the_first_time() -> None:
    assert keys('{"a":1,"b":2}', '{"b":1}', '{"a": 1, "b": 2}', '{"c":{"d":1,"e":2}}') == ["a", "b", "c"]


@pytest.mark.parametrize("broken", ['{"b":1,"b":2}', '{"a":1,"b":2,"a":1}', '{ "a":1,"a":1}', '{"a ":1}'])
def test_a_key_that_comes_twice_is_found_among_known_ones(broken: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        keys('{"a":1,"b":2}', '{"a":1,"b":2}', broken)
    assert refused.value.line == 3


@pytest.mark.parametrize(
    ("block", "sure"),
    [
        ('{"a":1,"b":"x"}\n{"b":null}\n', True), ('{"b":"x","a":1}', True), ("{}\n", True),
        ('{"a":{"c":1}}\n', True), ('{"a":1,"a":1}\n', False), ('{"a":1,"c":1}\n', False), ('{"a": 1}\n', False),
        ('{"a":1}\n\n', False), ('{"a":1}\r\n', False), ('{"\\u0061":1}\n', False), ('{"a":1\n', False),
    ],
)  # fmt: skip
def test_what_is_known_is_only_said_where_it_is_sure(block: str, sure: bool) -> None:
    known = KnownKeys()
    assert not known.has_no_others(block.encode())
    known.add({"a", "b"})
    assert known.has_no_others(block.encode()) is sure
