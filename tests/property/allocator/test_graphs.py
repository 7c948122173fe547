"""What the random worlds of these tests contain."""

from __future__ import annotations

import re
from typing import get_args

from hypothesis import Phase, given, settings

from services.allocator.domain.pool import Method
from services.allocator.loading.pools.methods import METHODS
from tests.property.allocator.graphs import World, worlds
from tests.property.allocator.test_pools import run, wide


def test_the_graphs_have_every_method_policy_and_way() -> None:
    """Random worlds prove nothing about what they never contain."""
    seen: set[str] = set()

    @settings(wide, max_examples=200, phases=[Phase.generate], database=None, derandomize=True)
    @given(worlds())
    def look(world: World) -> None:
        seen.update(re.findall(r"[\w']+", repr(world.rules)))
        for line in run(world):
            method = line.flow.method or "everything"
            seen.update({line.kind, line.flow.leg, f"by {method}", f"{len(line.flow.path)} pools"})

    look()

    missing = {
        "direct",
        "shared",
        "suspense",
        "0 pools",
        "1 pools",
        "2 pools",
        "3 pools",
        "by everything",
        "by reciprocal",
    }
    missing |= {f"by {name}" for name in METHODS} | {method.__name__ for method in get_args(Method)}
    missing |= {"spill", "residual", "unowned", "missing-driver", "over-recovery", "under-recovery"}
    missing |= {"Bounds", "Tier", "Cap", "Divided", "Tenure", "'average'", "'quantities'", "'mirror'", "'even'"}
    assert missing - seen == set()
