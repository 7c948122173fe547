"""How the process keeps and gives back memory. Imported before Arrow, which looks once where to take memory from."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 4 << 20
_KEPT_BYTES: Final = 32 << 20
_ARENAS: Final = 2


def give_back() -> None:
    """Columns of millions of rows come and go: what is large goes back to the system when it is freed, the rest is kept
    until the step of the delivery ends.

    The C library's pool is as fast here as Arrow's own, which keep everything, and part of Arrow uses its own whatever
    `pyarrow.set_memory_pool` says: 25 MB. Left alone, glibc comes to keep blocks of up to 32 MB as well, and so do
    pieces of files, between which the rest lies scattered: the peak is 70 MB higher. Where nothing but 128 KB is kept,
    a fifth of the time goes into pages that are given back and asked for again (mallopt(3)). Nor does it ever give back
    the end of an arena, and it has one for every other thread: each delivery of Parquet added 20 MB. Other C libraries
    have no such options.
    """
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    if hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_M_ARENA_MAX, _ARENAS)
