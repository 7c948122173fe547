"""Account names: readable where they can be, reversible always, and what Beancount allows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.accounts import Chart, account_name, escape, unescape


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("CC-100", "CC-100"), ("100", "100"), ("Amazon Web", "Amazon-x20-Web"), ("aws", "X-x-aws"), ("", "X-x-"),
        ("X-x-aws", "X-x2D-x-aws"), ("a:b", "X-x-a-x3A-b"), ("費用", "X-x--x8CBB--x7528-"),
    ],
)  # fmt: skip
def test_escapes(name: str, component: str) -> None:
    assert escape(name) == component


@given(st.text())
def test_gives_every_name_back(name: str) -> None:
    assert unescape(escape(name)) == name


@given(st.from_regex(r"[Xx](-x|-|x|2D-|20-){0,8}", fullmatch=True))
def test_gives_names_back_that_look_escaped(name: str) -> None:
    assert unescape(escape(name)) == name


@given(st.text())
def test_is_a_beancount_account_component(name: str) -> None:
    assert re.fullmatch(r"[A-Z0-9][A-Za-z0-9-]*", escape(name))


def test_names_accounts() -> None:
    assert account_name(Chart.UNBILLED, "CC-100") == "Assets:Unbilled:CC-100"
    assert account_name(Chart.ROUNDING, None) == "Expenses:Rounding"
