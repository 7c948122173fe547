"""What is said to be implied is: for any conditions, and any charge."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocator.domain.conditions import compile_condition
from services.allocator.domain.implication import implies
from services.allocator.domain.rule_set import All, AnyOf, Condition, Leaf, Not, Operator

POSITION = {"a": 0, "b": 1}
WORDS = ("", "x", "xy", "xyx", "y", "yx", "1", "2", "2.0", "10", "2026-01-01", "2026-01-02")
OPERANDS: dict[Operator, tuple[str, ...]] = {
    "in": WORDS, "prefix": ("x", "xy", "2"), "suffix": ("x", "yx", "0"), "contains": ("x", "y", "xy"),
    "pattern": ("x+", "[xy]*", ".*"),
    **dict.fromkeys(("above", "below", "at_least", "at_most"), ("1", "2", "10", "2026-01-01", "2026-01-02")),
}  # fmt: skip


@st.composite
def leaf(draw: st.DrawFn) -> Leaf:
    dimension = draw(st.sampled_from(("a", "b")))
    operator = draw(st.sampled_from((*OPERANDS, "exists")))
    if operator == "exists":
        return Leaf(dimension, "exists", (), expected=draw(st.booleans()))
    many = operator in {"in", "prefix", "suffix", "contains"}
    operands = st.lists(st.sampled_from(OPERANDS[operator]), min_size=1, max_size=3 if many else 1, unique=True)
    return Leaf(dimension, operator, tuple(draw(operands)))


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    some = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(some.map(All), some.map(AnyOf), parts.map(Not))


conditions: st.SearchStrategy[Condition] = st.recursive(leaf(), joined, max_leaves=5)


@settings(max_examples=6 * settings().max_examples)
@given(conditions, conditions)
def test_what_is_implied_holds_for_every_charge(one: Condition, other: Condition) -> None:
    if not implies(one, other):
        return
    passes, follows = compile_condition(one, POSITION), compile_condition(other, POSITION)
    charges = [(a, b) for a in (None, *WORDS) for b in (None, *WORDS)]

    assert [charge for charge in charges if passes(charge) and not follows(charge)] == []


X, XY = Leaf("a", "in", ("x",)), Leaf("a", "in", ("x", "xy"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, None), (X, X), (X, XY), (X, Leaf("a", "prefix", ("x",))), (X, Leaf("a", "exists")),
        (X, Not(Leaf("a", "in", ("y",)))), (Leaf("a", "prefix", ("xy",)), Leaf("a", "prefix", ("x",))),
        (Leaf("a", "suffix", ("yx",)), Leaf("a", "contains", ("y",))), (All((X, Leaf("b", "exists"))), X),
        (AnyOf((X, XY)), AnyOf((Leaf("b", "exists"), XY))), (Not(XY), Not(X)),
        (Leaf("a", "above", ("2",)), Leaf("a", "at_least", ("1",))),
        (Leaf("a", "below", ("2026-01-01",)), Leaf("a", "below", ("2026-01-02",))),
        (Leaf("a", "exists", expected=False), Not(Leaf("a", "exists"))),
    ],
)  # fmt: skip
def test_what_can_be_proved(one: Condition, other: Condition | None) -> None:
    assert implies(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, X), (XY, X), (Leaf("a", "in", ()), X), (Leaf("b", "in", ("x",)), X),
        (AnyOf((X, Leaf("b", "exists"))), X),
        (Leaf("a", "at_least", ("2",)), Leaf("a", "above", ("2",))), (Not(X), Leaf("a", "exists")),
        (Leaf("a", "above", ("2",)), Leaf("a", "above", ("2026-01-01",))),
    ],
)  # fmt: skip
def test_what_must_not_be_said(one: Condition | None, other: Condition) -> None:
    assert not implies(one, other)
