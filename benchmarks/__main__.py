"""`python -m benchmarks`: measure, print, and keep a JSON.

--rows N      rows of the main measurement (default 1,000,000)
--linear      also 100,000 and 3,000,000 rows the whole way, and 10,000,000 through intake as CSV and as Parquet
--out FILE    where the JSON goes (default benchmarks/results/<date>.json)
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import allocation, rule_sets, stages
from benchmarks.probes import MemoryWatch
from synthetic.export import Export, generate

TARGETS = {
    "allocator stream / raw getmany + decode": 0.5,
    "ledger stream / raw getmany + decode": 0.5,
}
_PRODUCE_GOALS = {"intake / raw produce": "0.50", "intake / raw batches": "none"}
"""Decision 0022 says why it is not batches that intake is measured against."""

_ROUNDS = 3
_WHOLE_SECONDS_MAX = 60
_AGAIN_SECONDS_MAX = 20
_LARGE_ROWS = 10_000_000
_INTAKE_PEAK_MB_MAX = 512
_LARGE_GOALS = {"first": 60, "unchanged": 60, "changed rule": 60}
_DEFAULT_GOALS = {"changed rule": 5, "simulation": 5}


def main() -> int:
    """Run all measurements; the exit code is 0 whatever they say: numbers are read, not asserted."""
    arguments = _arguments()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"machine": _machine(), "rows": arguments.rows}
    with tempfile.TemporaryDirectory(prefix="apportion-bench-") as work:
        for measured in _measured(Path(work), arguments.rows, arguments.linear):
            result |= measured
            arguments.out.write_text(json.dumps(result, indent=2) + "\n")  # what comes next takes long, and may fail
    _report(result)
    print(f"written to {arguments.out}")
    return 0


def _measured(work: Path, rows: int, linear: bool) -> Iterator[dict[str, Any]]:
    given = _generated(work, rows)
    yield _stages(given, work, rows)
    yield {"produce": _produce(given, work, rows)}
    yield {"deliveries": _deliveries(work, rows)}
    if linear:
        yield {"large deliveries": _large_deliveries(work)}
    yield {"rules": _rules(work)}
    yield {"allocation": _allocation(given, work, rows)}
    whole: dict[str, Any] = {}
    for some in (rows, *((100_000, 3_000_000) if linear else ())):
        whole[str(some)] = _whole(_generated(work, some), work, some)
        yield {"whole": whole}


def _stages(given: Path, work: Path, rows: int) -> dict[str, Any]:
    rates = stages.measure(given, work, rows, _say)
    return {
        "stages": {name: rate.as_json() for name, rate in rates.items()},
        "ratios": {name: _ratio(rates, name) for name in TARGETS},
    }


def _produce(given: Path, work: Path, rows: int) -> dict[str, Any]:
    _say("intake, and raw produce of the same bytes, in turns")
    rounds = stages.intake_and_produce(given, work, rows, _ROUNDS)
    found: dict[str, Any] = {name: [rates[name].as_json() for rates in rounds] for name in rounds[0]}
    for name in _PRODUCE_GOALS:
        found[name] = [_ratio(rates, name) for rates in rounds]
    return found


def _ratio(rates: Mapping[str, stages.Rate], name: str) -> float:
    """Of two rates, whose names the ratio's name has around its slash."""
    ours, raw = name.split(" / ")
    return round(rates[ours].per_second / rates[raw].per_second, 2)


def _deliveries(work: Path, rows: int) -> dict[str, Any]:
    _say("intake: a snapshot, and again with 1 % of its rows changed, as CSV and as Parquet; both again, in turns")
    csv = _generated(work, rows, restate=1)
    parquet = _generated(work, rows, format="parquet", restate=1)
    made = [
        ("snapshot", csv / "focus.csv.gz", "snapshots"),
        ("snapshot again, 1 % changed", csv / "focus-restated.csv.gz", "snapshots"),
        ("Parquet", parquet / "focus.parquet", "parquet"),
        ("Parquet again, 1 % changed", parquet / "focus-restated.parquet", "parquet"),
    ]
    for turn in range(2, _ROUNDS + 1):
        made.append((f"snapshot, round {turn}", csv / "focus.csv.gz", f"snapshots-{turn}"))
        made.append((f"Parquet, round {turn}", parquet / "focus.parquet", f"parquet-{turn}"))
    rates = stages.deliveries(made, work / "deliveries", rows)
    rounds = ["", *(f", round {turn}" for turn in range(2, _ROUNDS + 1))]
    found: dict[str, Any] = {name: rate.as_json() for name, rate in rates.items()}
    return found | {"Parquet / CSV": [_ratio(rates, f"Parquet{one} / snapshot{one}") for one in rounds]}


def _large_deliveries(work: Path) -> dict[str, Any]:
    _say(f"intake: {_LARGE_ROWS:,} rows as CSV and as Parquet, one after the other in one process")
    with tempfile.TemporaryDirectory(dir=work) as large:  # 12 GB
        given = Path(large)
        made = (
            ("CSV", _generated(given, _LARGE_ROWS) / "focus.csv.gz", "snapshots"),
            ("Parquet", _generated(given, _LARGE_ROWS, format="parquet") / "focus.parquet", "parquet"),
        )
        rates = stages.deliveries(made, given / "deliveries", _LARGE_ROWS)
    return {name: rate.as_json() for name, rate in rates.items()}


def _rules(work: Path) -> dict[str, Any]:
    _say("the allocator's stream with 10 and with 1,000 rules")
    rows = 300_000
    given = _generated(work, rows)
    sets = {str(count): rule_sets.write(work / f"rules-{count}", given, count) for count in (10, 1_000)}
    rates = stages.stream_with_rules(given, work, rows, sets, _ROUNDS)
    found: dict[str, Any] = {count: [rate.as_json() for rate in some] for count, some in rates.items()}
    ratios = [many.per_second / few.per_second for few, many in zip(rates["10"], rates["1000"], strict=True)]
    return found | {"1,000 rules / 10 rules": round(median(ratios), 2)}


def _allocation(given: Path, work: Path, rows: int) -> dict[str, Any]:
    _say(f"the allocation engine on {rows:,} buckets")
    return {
        "engine": allocation.engine(rows),
        "large": allocation.large(work, rows, _say),
        "default grain": allocation.default_grain(work, given, rows, _say),
    }


def _whole(given: Path, work: Path, rows: int) -> dict[str, Any]:
    """`apportion run` from file to closed books, as a user starts it."""
    _say(f"the whole way with {rows:,} rows")
    out = work / f"whole-{rows}"
    command = [sys.executable, "-m", "apportion", "run", "--focus", str(given / "focus.csv.gz"),
               "--rules", str(given / "rules.yaml"), "--provider-invoices", str(given / "provider-invoices.csv"),
               "--out", str(out), "--json"]  # fmt: skip
    with MemoryWatch(out / ".stack") as memory:
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"apportion run ended with {done.returncode}: {done.stderr[-2000:]}")
    summary = json.loads((out / "summary.json").read_text())
    return {"wall_seconds": round(seconds, 1), "seconds": summary["seconds"], "peak_mb": memory.peaks_mb}


def _generated(work: Path, rows: int, **more: Any) -> Path:
    directory = work / "-".join(["given", str(rows), *map(str, more.values())])
    if not directory.exists():
        _say(f"generating {rows:,} rows")
        generate(Export(rows=rows, **more), directory)
    return directory


def _report(result: dict[str, Any]) -> None:
    for name, stage in result["stages"].items():
        print(f"{name:24} {stage['per_second']:>9,}/s   {stage['statements_per_100k']:>6,} statements and "
              f"{stage['commits_per_100k']:>5,} commits per 100,000 events   peak {stage['peak_mb']} MB")  # fmt: skip
    for name, ratio in result["ratios"].items():
        print(f"{name:44} {ratio:.2f}   (goal {TARGETS[name]:.2f})")
    for name, goal in _PRODUCE_GOALS.items():
        ratios = result["produce"][name]
        print(f"{name:44} {median(ratios):.2f}   (goal {goal}; rounds {ratios})")
    for name, form in (("snapshot again, 1 % changed", "CSV"), ("Parquet again, 1 % changed", "Parquet")):
        again = result["deliveries"][name]
        print(f"{again['events']:,} rows of {form} delivered again with 1 % changed: {again['seconds']:.1f} s "
              f"(goal for 1,000,000: {_AGAIN_SECONDS_MAX} s), "
              f"peak {again['peak_mb']} MB (goal {_INTAKE_PEAK_MB_MAX} MB)")  # fmt: skip
    ratios = result["deliveries"]["Parquet / CSV"]
    print(f"intake of Parquet / of CSV, rows per second  {median(ratios):.2f}   (goal 1.00; rounds {ratios})")
    for form, large in result.get("large deliveries", {}).items():
        print(f"{large['events']:,} rows of {form}: {large['seconds']:.0f} s, {large['per_second']:,}/s, "
              f"peak {large['peak_mb']} MB (goal {_INTAKE_PEAK_MB_MAX} MB)")  # fmt: skip
    print(f"1,000 rules / 10 rules, events per second    {result['rules']['1,000 rules / 10 rules']:.2f}   (goal 1.00)")
    _report_allocation(result["allocation"])
    for rows, whole in result["whole"].items():
        total = whole["seconds"]["total"]
        print(
            f"{int(rows):>9,} rows, file to closed books: {total:.1f} s ({whole['seconds']}), "
            f"peaks {whole['peak_mb']} MB"
        )
    print(f"goal for 1,000,000 rows: {_WHOLE_SECONDS_MAX} s")


def _report_allocation(found: dict[str, Any]) -> None:
    engine = found["engine"]
    print(f"{engine['buckets']:,} buckets, {engine['rules']:,} rules, {engine['pools']} pools, "
          f"{engine['cost_centers']:,} cost centers: {engine['seconds']} s cold ({engine['cpu_seconds']} s of CPU), "
          f"{engine['lines']:,} lines, peak {engine['peak_mb']} MB")  # fmt: skip
    for name, goals in (("large", _LARGE_GOALS), ("default grain", _DEFAULT_GOALS)):
        for kind, one in found[name].items():
            seconds = one.get("published_seconds", one["seconds"])
            more = f", {one['changed_lines']:,} of {one['lines']:,} lines published, peak {one['peak_mb']} MB" if (
                "lines" in one) else ""  # fmt: skip
            goal = f"   (goal {goals[kind]} s)" if kind in goals else ""
            print(f"allocation, {name}, {kind}: {seconds:.1f} s{more}{goal}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    today = dt.datetime.now(dt.UTC).date()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--linear", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results") / f"{today}.json")
    return parser.parse_args()


def _machine() -> dict[str, Any]:
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def _say(message: str) -> None:
    print(f"... {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
