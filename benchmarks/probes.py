"""Looking at processes from outside: memory, metrics, progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local import Stack


def peak_memory_mb(pid: int) -> int:
    """The most resident memory a process ever had, MiB; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def metric(url: str, name: str, **labels: str) -> int:
    """The sum of a metric's samples that carry these labels."""
    found = 0
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=30).text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                found += int(sample.value)
    return found


def wait_for(reached: Callable[[], bool], seconds: float = 900) -> None:
    """Look four times a second until it is so: twenty times takes a fifth of what is measured."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.25)


class MemoryWatch:
    """Samples the peak memory of every process of a stack while something runs."""

    def __init__(self, stack_dir: Path) -> None:
        self._stack_dir, self._done = stack_dir, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peaks_mb: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.3):
            if not (self._stack_dir / "stack.json").exists():
                continue
            for part in Stack.load(self._stack_dir).status():
                peak = peak_memory_mb(part.pid)
                self.peaks_mb[part.name] = max(peak, self.peaks_mb.get(part.name, 0))
