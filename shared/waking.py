"""Waiting for work that is told of, but looked for now and then all the same."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def rest(woken: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, which it then no longer is, or when the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
            woken.clear()
