"""`python -m benchmarks.engine BUCKETS`: the pure engine on the large month, alone in its process, as one JSON line.

Alone, so that the peak memory is that of the allocation and its lines, and of nothing else. Buckets come in pieces,
as a run reads them; making them up is not counted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from decimal import Decimal
from itertools import islice
from typing import Any

from benchmarks import large_month
from benchmarks.probes import peak_memory_mb
from services.allocator.domain.allocate import allocate_assigned
from services.allocator.domain.assigned import Assigned
from services.allocator.domain.buckets import Bucket
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.rule_set import CHARGE_DAY
from services.allocator.lens import Lens
from services.allocator.loading import load
from services.allocator.measurements import drivers_of, read_measurement

_PIECE = 10_000


def main(count: int) -> None:
    """Allocate once, cold, and print what it took."""
    loaded = load(large_month.bundle())
    lens = Lens().with_dimensions(dimensions_used(loaded.rule_set))
    drivers = drivers_of(read_measurement(one).measurement for one in large_month.measurements())
    assigned = Assigned(large_month.PERIOD, lens.dimensions, loaded.rule_set, loaded.cost_centers)
    buckets = (_bucket(lens, *one) for one in large_month.charges(count))
    before, spent = peak_memory_mb(os.getpid()), _Spent()
    while some := list(islice(buckets, _PIECE)):
        with spent:
            assigned.take(some)
    with spent:
        lines = allocate_assigned(assigned, drivers)
    print(json.dumps({
        "buckets": count, "rules": len(loaded.rule_set.rules), "pools": len(loaded.rule_set.pools),
        "cost_centers": len(loaded.cost_centers), "lines": len(lines),
        "seconds": round(spent.seconds, 2), "cpu_seconds": round(spent.cpu_seconds, 2),
        "peak_mb_before": before, "peak_mb": peak_memory_mb(os.getpid()),
    }))  # fmt: skip


class _Spent:
    """What was spent inside of its `with` blocks."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> None:
        self._started, self._worked = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._started
        self.cpu_seconds += time.process_time() - self._worked


def _bucket(lens: Lens, columns: dict[str, Any], day: str, amount: Decimal) -> Bucket:
    tags = {f"tag:{key}": value for key, value in columns["Tags"].items()}
    found = columns | tags | {CHARGE_DAY: day}
    return Bucket(tuple(found.get(name) for name in lens.dimensions), amount, amount, 1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
