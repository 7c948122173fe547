"""Fault tests start services again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.service import forked_services


@pytest.fixture(scope="module", autouse=True)
def forked() -> Iterator[None]:
    with forked_services():
        yield
