"""Intake's commands: delivering files; `services.intake.commands` has the others. Thin HTTP clients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.intake.commands.following import fail_unless_complete, followed, progress_bar
from services.intake.commands.listing import show_delivery
from services.intake.domain.holding import NotALimit, checked_limit
from services.intake.domain.styles import Style
from services.intake.reading import IntakeRefusal, is_cost_and_usage
from services.intake.sources.cli import deliver_place, is_place
from services.intake.sources.handing_in import HandedIn, Uploaded, hand_in, taken_line
from shared.terminal import BAD_USAGE, Json, ServiceCommands, err, fail, print_json

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
    reject_limit: Annotated[
        str | None,
        typer.Option(
            help="Rows (10) or share of the rows (0.5%) that may be rejected before the delivery is held; by default "
            "what intake's settings say."
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Deliver FOCUS files (1.0-preview to 1.4; CSV, JSON Lines or Parquet) and wait until their costs are published.

    Files of Invoice Detail, Billing Period and Contract Commitment are told by their columns and taken in first, each
    for itself and strictly. All Cost and Usage files of one call are one delivery. A folder or a URL (s3://, abfs://,
    az://, gs://) is read by its provider's manifest, AWS Data Exports or Azure Cost Management, one delivery per
    billing period or run; without manifest all of its Cost and Usage files are one.

    A delivery replaces everything that the source delivered before for the payers and billing periods in it, or adds to
    it, as its style says; only the difference is published, so delivering a file again does no harm. Rows that can't be
    read are kept as dead letters, and the period they belong to can't close before a delivery brings them. With more of
    them than the limit, or with much less than what is in force, the delivery is held: nothing is published until
    somebody releases it.

    Exit codes: 0 published; 3 held; 2 refused, nothing published; 1 a fault.
    """
    _check_limit(reject_limit)
    place = next(filter(is_place, files), None)
    if place is not None and len(files) > 1:
        fail("name one folder or URL, or any number of files", BAD_USAGE)
    paths = _checked_files(files) if place is None else []
    if provider_invoices is not None:
        answer = _intake.upload("/v1/provider-invoices", provider_invoices)
        err.print(f"provider invoices: {answer['rows']} lines, {answer['published']} new or changed")
    terms = {"style": style, "change_style": change_style, "as_of": as_of, "mends": mends, "reject_limit": reject_limit}
    terms = {name: said for name, said in terms.items() if said}
    handed = [_hand_in(source, paths, terms)] if place is None else deliver_place(place, source, terms)
    taken = [dataset for one in handed for dataset in one.datasets]
    for dataset in taken:
        err.print(taken_line(dataset), markup=False, soft_wrap=True)
    ended = [followed(one.delivery) for one in handed if one.delivery is not None]
    if as_json:
        print_json({"deliveries": ended, "datasets": taken})
    for delivery in ended:
        if delivery["state"] != "refused" and not as_json:
            show_delivery(delivery)
        fail_unless_complete(delivery)


def _check_limit(limit: str | None) -> None:
    try:
        checked_limit(limit)
    except NotALimit as error:
        fail(str(error), BAD_USAGE)


def _checked_files(files: list[str]) -> list[Path]:
    """Refuse what can be refused before anything is uploaded."""
    paths = [Path(file) for file in files]
    try:
        for path in paths:
            if not path.is_file():
                fail(f"{path}: there is no such file", BAD_USAGE)
            is_cost_and_usage(path)
    except IntakeRefusal as error:
        fail(str(error), BAD_USAGE)
    return paths


def _hand_in(source: str, files: list[Path], terms: dict[str, Any]) -> HandedIn:
    uploaded = []
    with _intake.connected() as intake:
        with progress_bar() as progress:
            task = progress.add_task("uploading", total=None)
            for file in files:
                progress.update(task, description=f"uploading {file.name}")
                uploaded.append(Uploaded.answered(str(file), intake.upload("/v1/files", file)))
        return hand_in(intake, source, uploaded, terms=terms)
