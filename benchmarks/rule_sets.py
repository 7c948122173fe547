"""Rule sets of any length on the same dimensions, to show that the stream does not care."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml


def write(directory: Path, given: Path, count: int) -> Path:
    """Copy the generated rule set and put rules before it that match nothing, until there are `count`."""
    shutil.copytree(given, directory, ignore=shutil.ignore_patterns("focus*"))
    document = yaml.safe_load((directory / "rules.yaml").read_text())
    missing = count - len(document["rules"])
    target = {"suspense": True} if "suspense" in document["fallback"] else document["fallback"]
    cost_center = (directory / document["cost_centers"]).read_text().splitlines()[1].split(",")[0]
    document["rules"] = [
        {"id": f"never-{n}", "when": {"column": "ServiceName", "equals": f"No such service {n}"},
         "assign": {"cost_center": cost_center}}
        for n in range(max(missing, 0))
    ] + document["rules"]  # fmt: skip
    document["fallback"] = target
    path = directory / "rules.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
