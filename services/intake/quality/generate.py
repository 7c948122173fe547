"""Write docs/quality.md from the catalogue: `python -m services.intake.quality.generate [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.intake.quality.catalogue import CATALOGUE, Kind

PATH: Final = Path(__file__).parents[3] / "docs" / "quality.md"
_INTRODUCTION: Final = """\
# Data quality: what each code means and what to do

Generated from `services/intake/quality/catalogue.csv` by `make docs`; don't edit it by hand.

Every delivery gets a quality report: `apportion intake quality DELIVERY`, with `--html FILE` as a page, or
`GET /v1/deliveries/DELIVERY/quality` and `quality.html`. It has the totals, what was rejected and flagged with its
share of the cost, whether the sums hold, and for each code what is written here. `apportion intake rejected DELIVERY`
prints the rejected rows as JSON Lines. As metrics: `apportion_intake_rejected_rows_total{code}`,
`apportion_intake_flags_total{code}`, `apportion_intake_held_deliveries`, and of each source's newest delivery
`apportion_intake_newest_delivery_rows{source, rows="read" | "rejected" | "flagged"}`; the dashboard's row
"Data quality" shows them.
"""
_SECTIONS: Final[dict[Kind, tuple[str, str]]] = {
    "rejection": (
        "Rejected rows",
        (
            "A row that breaks a rule needed for money is not published. It is kept with file, line, column, value and "
            "rule, and its month can't close before a delivery of the same source comes without it."
        ),
    ),
    "flag": (
        "Flags",
        (
            "A row that breaks a softer rule is published with the flag's code in `flags` of its cost event. Flags are "
            "no part of the row's hash, and retractions carry none."
        ),
    ),
    "finding": ("Findings", "What is true of a delivery as a whole."),
    "sum-rule": (
        "Sums",
        (
            "Rules over sums of rows, computed exactly for each delivery. A broken one is a finding with its numbers; "
            "it holds nothing back."
        ),
    ),
    "hold": (
        "Held deliveries",
        (
            "Nothing of a held delivery is published, and what was in force stays so. A person decides: `apportion "
            "intake release DELIVERY --by NAME --reason TEXT`, or `cancel`; who, when and why is recorded. A released "
            "delivery is compared anew with what is in force then. A newer delivery of the source that is not held "
            "itself and has all of its payers and periods takes its place: the held one is `superseded`. Deliveries of "
            "other payers or periods go on meanwhile; one with only some of them waits. None of its periods closes "
            "before that is decided (break `held-delivery`), and no period at all if none of its rows tells one."
        ),
    ),
}


def document() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *(line for kind in _SECTIONS for line in _section(kind))])


def _section(kind: Kind) -> Iterator[str]:
    title, about = _SECTIONS[kind]
    yield from (f"## {title}", "", about, "", "| code | what it means | what to do |", "|---|---|---|")
    for entry in CATALOGUE.values():
        if entry.kind == kind:
            yield f"| `{entry.code}` | **{entry.title}.** {entry.means} | {entry.do} |"
    yield ""


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PATH.write_text(document(), encoding="utf-8")
    elif PATH.read_text(encoding="utf-8") != document():
        sys.exit(f"{PATH.name} is out of date: run `make docs`")
