"""`apportion export`: a month's normalised rows as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.intake.exporting import ExportFormat
from shared.terminal import BAD_USAGE, ServiceCommands, err, fail

_intake = ServiceCommands("intake")


def export(
    billing_period: Annotated[str, typer.Argument(help="Month, YYYY-MM.")],
    source: Annotated[str, typer.Option(help="Whose rows: the name that its deliveries were made under.")],
    destination: Annotated[Path, typer.Option("--out", help="File to write, ending in .csv or .parquet.")],
) -> None:
    """Write the rows that a source has in force for a month as a FOCUS 1.4 Cost and Usage file, `x_` columns last."""
    if destination.suffix not in {f".{form}" for form in ExportFormat}:
        fail(f"{destination} must end in .csv or .parquet", BAD_USAGE)
    form = destination.suffix[1:]
    _intake.fetch_file(f"/v1/exports/{billing_period}", destination, source=source, format=form)
    err.print(f"wrote {destination}", markup=False)
