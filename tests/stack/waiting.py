"""Waiting for what happens beside a test, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 240
"""How long tests wait for what is sure to happen. Long, because a busy machine is no fault of the program: only a hang
lasts until then."""


async def until(ask: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is neither None nor False, and return it."""
    deadline = time.monotonic() + seconds
    while (answer := await ask()) is None or answer is False:
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)
    return answer
