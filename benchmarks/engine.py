"""`python -m benchmarks.engine BUCKETS`: the pure engine on the large month, alone in its process, as one JSON line.

Alone, so that the peak memory is that of the buckets, the allocation and its lines, and of nothing else.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from decimal import Decimal
from typing import Any

from benchmarks import large_month
from services.allocator.domain.allocate import allocate
from services.allocator.domain.buckets import Bucket, Buckets
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.rule_set import CHARGE_DAY
from services.allocator.lens import Lens
from services.allocator.loading import load
from services.allocator.measurements import drivers_of, read_measurement


def main(count: int) -> None:
    """Allocate once, cold, and print what it took."""
    loaded = load(large_month.bundle())
    lens = Lens().with_dimensions(dimensions_used(loaded.rule_set))
    buckets = Buckets(large_month.PERIOD, lens.dimensions, [_bucket(lens, *one) for one in large_month.charges(count)])
    drivers = drivers_of(read_measurement(one).measurement for one in large_month.measurements())
    before = _peak_mb()
    started, worked = time.perf_counter(), time.process_time()
    lines = allocate(buckets, loaded.rule_set, loaded.cost_centers, drivers)
    print(json.dumps({
        "buckets": count, "rules": len(loaded.rule_set.rules), "pools": len(loaded.rule_set.pools),
        "cost_centers": len(loaded.cost_centers), "lines": len(lines),
        "seconds": round(time.perf_counter() - started, 2), "cpu_seconds": round(time.process_time() - worked, 2),
        "peak_mb_before": before, "peak_mb": _peak_mb(),
    }))  # fmt: skip


def _bucket(lens: Lens, columns: dict[str, Any], day: str, amount: Decimal) -> Bucket:
    tags = {f"tag:{key}": value for key, value in columns["Tags"].items()}
    found = columns | tags | {CHARGE_DAY: day}
    return Bucket(tuple(found.get(name) for name in lens.dimensions), amount, amount, 1)


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
