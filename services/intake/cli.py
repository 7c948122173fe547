"""Intake's commands: delivering files and looking at deliveries. Thin HTTP clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.intake.domain.styles import Style
from services.intake.reading import IntakeRefusal, OtherDataset, check_file
from services.intake.sources.cli import deliver_place, is_place
from shared.terminal import BAD_USAGE, Json, ServiceCommands, err, fail, out, print_json
from shared.terminal import table as new_table

_POLL_SECONDS = 0.2
_intake = ServiceCommands("intake")


def ingest(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE... | DIR | URL", help="FOCUS files of any dataset, or one place of them."),
    ],
    source: Annotated[str, typer.Option(help="Who delivers, such as aws-main; deliveries are compared per source.")],
    provider_invoices: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True,
            help="What the providers ask for: CSV (issuer, invoice_id, billing_period, currency, amount), "
            "or FOCUS 1.4 Invoice Detail.",
        ),
    ] = None,
    style: Annotated[
        Style | None,
        typer.Option(
            help="overwrite: the files are all there is for the payers and months in them. append: they add rows. "
            "Said once per source and remembered; overwrite if never said."
        ),
    ] = None,
    change_style: Annotated[bool, typer.Option("--change-style", help="The source changes its style.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the provider made the snapshot, such as 2026-09-02T06:00:00Z: if it is older than what is in "
            "force, it is refused.",
        ),
    ] = None,
    mends: Annotated[
        list[str] | None,
        typer.Option(metavar="DELIVERY", help="An earlier delivery whose rejected rows these files bring."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Deliver FOCUS files (1.0-preview to 1.4; CSV, JSON Lines or Parquet) and wait until their costs are published.

    Files of Invoice Detail, Billing Period and Contract Commitment are told by their columns and taken in first, each
    for itself and strictly. All Cost and Usage files of one call are one delivery. A folder or a URL (s3://, abfs://,
    az://, gs://) is read by its provider's manifest, AWS Data Exports or Azure Cost Management, one delivery per
    billing period or run; without manifest all of its files are one.

    A delivery replaces everything that the source delivered before for the payers and billing periods in it, or adds to
    it, as its style says; only the difference is published, so delivering a file again does no harm. Rows that can't be
    read are kept as dead letters, and the period they belong to can't close before a delivery brings them.
    """
    place = next(filter(is_place, files), None)
    if place is not None and len(files) > 1:
        fail("name one folder or URL, or any number of files", BAD_USAGE)
    costs, others = ([], []) if place is not None else _by_dataset(files)
    if provider_invoices is not None:
        answer = _intake.upload("/v1/provider-invoices", provider_invoices)
        err.print(f"provider invoices: {answer['rows']} lines, {answer['published']} new or changed")
    terms = {
        name: said
        for name, said in (("style", style), ("change_style", change_style), ("as_of", as_of), ("mends", mends))
        if said
    }
    taken = [_take_in(source, file) for file in others]
    if place is not None:
        ended = [_followed(one) for one in deliver_place(place, source, terms)]
    else:
        ended = [_deliver(source, costs, terms)] if costs else []
    if as_json:
        print_json({"deliveries": ended, "datasets": taken})
    for delivery in ended:
        if delivery["state"] == "complete" and not as_json:
            _show(delivery)
        if delivery["state"] == "refused":
            fail(f"no costs were published: {delivery['error']}", BAD_USAGE)


def deliveries(
    delivery_id: Annotated[str | None, typer.Argument(help="Leave out for the newest ones.")] = None,
    as_json: Json = False,
) -> None:
    """Show the newest deliveries, or one with its totals and findings."""
    if delivery_id is not None:
        one = _intake.get(f"/v1/deliveries/{delivery_id}")
        print_json(one) if as_json else _show(one)
        return
    found = _intake.get("/v1/deliveries")
    if as_json:
        print_json(found)
        return
    table = new_table("delivery", "source", "no.", "state", "rows", "charges", "retractions", "rejected", "files")
    for one in found:
        names = ", ".join(file["name"] for file in one["files"])
        counts = (one["rows_read"], one["charges"], one["retractions"], one["rejected_rows"])
        table.add_row(one["delivery_id"], one["source"], str(one["ordinal"]), one["state"],
                      *(f"{count:,}" for count in counts), names)  # fmt: skip
    out.print(table if found else "no deliveries yet")


def _by_dataset(files: list[str]) -> tuple[list[Path], list[Path]]:
    """Cost and Usage files, and files of other datasets; the command ends if one is neither."""
    costs, others = [], []
    for file in map(Path, files):
        if not file.is_file():
            fail(f"{file}: there is no such file", BAD_USAGE)
        try:
            check_file(file)
            costs.append(file)
        except OtherDataset:
            others.append(file)
        except IntakeRefusal as error:
            fail(str(error), BAD_USAGE)
    return costs, others


def _take_in(source: str, file: Path) -> dict[str, Any]:
    received = _intake.upload("/v1/files", file)
    reference = {"name": received["name"], "sha256": received["sha256"]}
    taken: dict[str, Any] = _intake.post("/v1/datasets", {"source": source, "file": reference})
    err.print(
        f"{file.name}: {taken['rows']} rows of {taken['dataset']} (FOCUS {taken['version']}), "
        f"{taken['published']} new or changed, {taken['withdrawn']} of them withdrawn",
        markup=False,
    )
    return taken | {"file": file.name}


def _deliver(source: str, files: list[Path], terms: dict[str, Any]) -> dict[str, Any]:
    with _progress() as progress:
        task = progress.add_task("uploading", total=None)
        received = []
        for file in files:
            progress.update(task, description=f"uploading {file.name}")
            received.append(_intake.upload("/v1/files", file))
        references = [{"name": one["name"], "sha256": one["sha256"]} for one in received]
    return _followed(_intake.post("/v1/deliveries", {"source": source, "files": references, **terms}))


def _followed(delivery: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of a delivery."""
    with _progress() as progress:
        task = progress.add_task("waiting", total=None)
        while delivery["state"] not in {"complete", "refused"}:
            time.sleep(_POLL_SECONDS)
            delivery = _intake.get(f"/v1/deliveries/{delivery['delivery_id']}")
            events = sum(delivery["partition_events"])
            progress.update(task, description=_doing(delivery), total=events or None,
                            completed=delivery["events_published"])  # fmt: skip
    return delivery


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)


def _doing(delivery: dict[str, Any]) -> str:
    if delivery["partition_events"]:
        return f"publishing: {delivery['events_published']:,} of {sum(delivery['partition_events']):,} cost events"
    return f"reading: {delivery['rows_read']:,} rows"


def _show(delivery: dict[str, Any]) -> None:
    out.print(
        f"delivery {delivery['delivery_id']} of {delivery['source']} is {delivery['state']}: "
        f"{delivery['rows_read']:,} rows, {delivery['charges']:,} charges and {delivery['retractions']:,} retractions "
        f"published, {delivery['rejected_rows']:,} rows rejected"
    )
    table = new_table("period", "currency", "rows in force", "BilledCost", "EffectiveCost", title="now in force")
    for total in delivery["snapshot"]:
        table.add_row(total["billing_period"], total["currency"], f"{total['events']:,}", total["billed_cost"],
                      total["effective_cost"])  # fmt: skip
    out.print(table)
    if delivery["findings"]:
        findings = new_table("finding", "rows", "what it means", title="look twice at")
        for finding in delivery["findings"]:
            findings.add_row(finding["code"], f"{finding['rows']:,}", finding["message"])
        out.print(findings)
    if delivery["rejected_rows"]:
        out.print("see `apportion dead-letters list` for the rejected rows; mend them and deliver again")
