"""Whatever holds a month in memory takes turns: a process needs the memory of one, whatever is asked at once."""

from __future__ import annotations

import asyncio


class OneMonth(asyncio.Semaphore):
    """The turn of a run, a trial of a rule set, a simulation, or a comparison of months.

    Each takes some hundred megabytes for a month of a million buckets.
    """

    def __init__(self) -> None:
        super().__init__(1)
