"""What the random worlds of these tests contain."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import get_args

from hypothesis import Phase, given, settings

from services.allocator.domain.pool import Method
from services.allocator.loading.pools.methods import METHODS
from tests.property.allocator.graphs import World, worlds
from tests.property.allocator.test_pools import run, wide


class _Enough(Exception):
    """Everything was seen: no need to look at more worlds."""


def test_the_graphs_have_every_method_policy_and_way() -> None:
    """Random worlds prove nothing about what they never contain."""
    missing = {
        "direct", "shared", "suspense", "0 pools", "1 pools", "2 pools", "3 pools", "by everything", "by reciprocal",
        "spill", "residual", "unowned", "missing-driver", "over-recovery", "under-recovery",
        "Bounds", "Tier", "Cap", "Divided", "Tenure", "'average'", "'quantities'", "'mirror'", "'even'",
        *(f"by {name}" for name in METHODS), *(method.__name__ for method in get_args(Method)),
    }  # fmt: skip

    @settings(wide, max_examples=2_000, phases=[Phase.generate], database=None, derandomize=True)
    @given(worlds())
    def look(world: World) -> None:
        missing.difference_update(re.findall(r"[\w']+", repr(world.rules)))
        for line in run(world):
            method = line.flow.method or "everything"
            missing.difference_update({line.kind, line.flow.leg, f"by {method}", f"{len(line.flow.path)} pools"})
        if not missing:
            raise _Enough

    with suppress(_Enough):
        look()

    assert missing == set()
