"""What each operator passes, and how long the worst pattern takes."""

from __future__ import annotations

import pytest

from services.allocator.domain.conditions import value_test
from services.allocator.domain.patterns import Pattern, PatternInvalid
from services.allocator.domain.rule_set import Leaf, Operator


@pytest.mark.parametrize(
    ("operator", "operand", "passing", "failing"),
    [
        ("suffix", "-prod", ["web-prod", "-prod"], ["prod", "web-prod ", None]),
        ("contains", "gpu", ["gpu", "a-gpu-b"], ["GPU", "", None]),
        ("above", "5", ["5.000000000000000001", "+6", "10"], ["5", "5.0", "-6", "five", "", "NaN", "Infinity", None]),
        ("below", "0", ["-0.1", "-1"], ["0", "-0", "0.1", "2026-01-01", None]),
        ("at_least", "1000", ["1000", "1000.00", "20000"], ["999.999", "1,000", "1e9", "2026-01-01", None]),
        ("at_most", "-2.5", ["-2.5", "-3"], ["-2", "²", None]),
        ("above", "2026-01-17", ["2026-01-18", "2026-01-18T00:00:00Z"], ["2026-01-17", "2026-01-17T23:59:59Z", "3000"]),
        ("at_least", "2026-02-28", ["2026-02-28 12:00"], ["2026-02-27", "2026-02-30", "2026-3-1", "soon"]),
        ("below", "2026-01-17", ["2026-01-16"], ["2026-01-17", "-1", None]),
        ("at_most", "2026-01-17", ["2026-01-17", "0001-01-01"], ["2026-01-18", "2026-01-17x", None]),
        ("pattern", "CC-[0-9]+", ["CC-1"], ["CC-1x", "xCC-1", "", None]),
        ("pattern", "(?i)prod|live", ["PROD", "live"], ["prod ", "alive"]),
    ],
)  # fmt: skip
def test_an_operator_passes_what_it_says(
    operator: Operator, operand: str, passing: list[str], failing: list[str | None]
) -> None:
    passes = value_test(Leaf("tag:x", operator, (operand,)))

    assert [value for value in passing if not passes(value)] == []
    assert [value for value in failing if passes(value)] == []


def test_several_values_are_alternatives() -> None:
    assert value_test(Leaf("tag:x", "contains", ("a", "b")))("xbx")
    assert value_test(Leaf("tag:x", "suffix", ("a", "b")))("xb")


def test_a_pattern_that_makes_a_backtracking_engine_hang_takes_no_time() -> None:
    assert not value_test(Leaf("tag:x", "pattern", ("(a+)+b",)))("a" * 100_000)


@pytest.mark.parametrize("text", ["a[", "(?=a)b", r"(a)\1", "(a{1000}){1000}", "*"])
def test_what_needs_backtracking_or_is_no_pattern_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(PatternInvalid, match=r"\w+"):
        Pattern(text)


def test_the_first_group_is_what_a_pattern_finds() -> None:
    pattern = Pattern("(CC-[0-9]+)(-.*)?|x(y)?")

    assert pattern.groups == 3
    assert [pattern.first_group(value) for value in ("CC-1-ü", "CC-22", "xy", "CC-")] == ["CC-1", "CC-22", None, None]
