"""focus-data-toolkit as a judge: its files go through intake to the last digit, and it accepts what intake writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from focus_data_toolkit.cli import main

from services.intake.exporting import ExportFormat, export_rows
from services.intake.reading.datasets import open_dataset
from services.intake.reading.invoices import read_invoices
from shared.archive import RowsInForce
from shared.focus import DATASETS, PREVIEW, VERSIONS, Dataset, columns_of
from tests.judges.reader import rows_of, sums
from tests.unit.intake.desk import Desk, Outcome
from tests.unit.intake.samples import SAMPLES

Generated = Callable[[str, str], Path]
MADE = [(provider, version) for provider in ("aws", "azure", "gcp") for version in ("1.2", "1.3")]
_TYPES = {"String": "string", "Decimal": "decimal", "Date/Time": "datetime", "JSON": "json"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """A function that makes the files of a provider and version, once."""

    @cache
    def make(provider: str, version: str) -> Path:
        directory = tmp_path_factory.mktemp(f"{provider}-{version}")
        arguments = ["--provider", provider, "--focus-version", version, "--rows", "400", "--seed", "7"]
        assert main(["generate", *arguments, "--out", str(directory / "made")]) == 0
        (costs,) = (directory / "made").glob("*cost_and_usage*.csv")
        commitments = [str(file) for file in (directory / "made").glob("*contract_commitment*.csv")]
        beside = ["--contract-commitment", *commitments] if commitments else []
        made = ["--mode", "synthetic", "--cost-and-usage", str(costs), *beside, "--out", str(directory / "converted")]
        assert main(["convert", "--exit-policy", "pipeline", *made]) == 0
        return directory

    return make


def exported(desk: Desk, outcome: Outcome, target: Path, form: ExportFormat = ExportFormat.CSV) -> Path:
    in_force = [
        RowsInForce(desk.archive.rows(outcome.delivery_id, scope.billing_period), (scope.billing_account_id,))
        for scope in outcome.prepared.scopes
    ]
    assert export_rows(in_force, target, form) == outcome.reading.accepted
    return target


def one(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


@pytest.mark.parametrize(("provider", "version"), MADE)
@pytest.mark.parametrize("folder", ["made", "converted"])
def test_its_files_go_through_intake_to_the_last_digit(
    generated: Generated, tmp_path: Path, provider: str, version: str, folder: str
) -> None:
    file = one(generated(provider, version) / folder, "*cost_and_usage*.csv")
    outcome = Desk(tmp_path).deliver(file)
    expected = rows_of(file.read_bytes())
    assert outcome.rejections == []
    assert outcome.reading.files[0].focus_version == (version if folder == "made" else "1.4")
    assert {
        (total.billing_period, total.currency): (total.events, total.billed_cost, total.effective_cost)
        for total in outcome.prepared.published
    } == sums(expected)
    assert len(outcome.events) == len(expected) == 400


@pytest.mark.parametrize(("provider", "version"), MADE)
def test_it_accepts_our_export_which_reads_back_as_the_same_rows(
    generated: Generated, tmp_path: Path, provider: str, version: str
) -> None:
    desk = Desk(tmp_path / "data")
    outcome = desk.deliver(one(generated(provider, version) / "made", "*cost_and_usage*.csv"))
    for form in ExportFormat:
        file = exported(desk, outcome, tmp_path / f"export.{form}", form)
        if form is ExportFormat.CSV:
            assert main(["validate", "--dataset", "cost-and-usage", str(file)]) == 0
        assert desk.deliver(file).events == []


def test_a_bad_row_does_not_pass_its_validator(generated: Generated, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    outcome = desk.deliver(one(generated("aws", "1.3") / "made", "*cost_and_usage*.csv"))
    file = exported(desk, outcome, tmp_path / "export.csv")
    file.write_bytes(file.read_bytes().replace(b",Usage,", b",Guessed,", 1))
    assert main(["validate", "--dataset", "cost-and-usage", str(file)]) == 1


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != PREVIEW])
def test_it_accepts_the_export_of_every_version(tmp_path: Path, version: str) -> None:
    desk = Desk(tmp_path / "data")
    outcome = desk.deliver(SAMPLES / f"{version}.csv")
    assert main(["validate", "--dataset", "cost-and-usage", str(exported(desk, outcome, tmp_path / "export.csv"))]) == 0


def test_custom_columns_are_exported_behind_the_focus_columns(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    outcome = desk.deliver(SAMPLES / "azure-1.0-preview(v1).csv")
    row, _ = rows_of(exported(desk, outcome, tmp_path / "export.csv").read_bytes())
    custom = [name for name in row if name.startswith("x_")]
    assert list(row)[-len(custom) :] == custom == sorted(custom)
    assert (row["x_OnDemandCost"], row["x_ChargeSubcategory"]) in {("18", "Used Commitment"), ("-0.25", "Credit")}
    assert row["AllocatedMethodId"] == ""
    assert "PricingCurrency" not in row


def datasets_of(directory: Path) -> list[Path]:
    """Every file of another dataset than Cost and Usage."""
    return sorted(file for file in directory.rglob("*.csv") if "cost_and_usage" not in file.name)


@pytest.mark.parametrize(("provider", "version"), MADE)
def test_its_other_datasets_are_read_whole(generated: Generated, provider: str, version: str) -> None:
    files = datasets_of(generated(provider, version))
    assert len(files) == (4 if version == "1.3" else 2)
    for file in files:
        expected = rows_of(file.read_bytes())
        opened = open_dataset(file, file.name)
        rows = list(opened.rows)
        assert opened.dataset in file.name.replace("_", "-")
        assert opened.version == ("1.3" if "focus_1_3" in file.name else "1.4")
        assert [len(row.values) for row in rows] == [sum(map(bool, row.values())) for row in expected]
        if opened.dataset is Dataset.INVOICE_DETAIL:
            billed = sum(Decimal(row["BilledCost"]) for row in expected)
            assert sum(Decimal(row.values["BilledCost"]) for row in rows) == billed
            assert sum(invoice.amount for invoice in read_invoices(file, file.name).values()) == billed


@pytest.mark.parametrize("name", ["invoice-detail", "billing-period", "contract-commitment"])
def test_it_accepts_the_samples_that_our_tests_rest_on(name: str) -> None:
    assert main(["validate", "--dataset", name, str(SAMPLES / f"{name}-1.4.csv")]) == 0


def its_model() -> dict[str, Any]:
    text = resources.files("focus_data_toolkit.model").joinpath("focus_1_4_model.json").read_text("utf-8")
    model: dict[str, Any] = json.loads(text)["datasets"]
    return model


@pytest.mark.parametrize("dataset", Dataset)
def test_its_model_of_1_4_and_ours_say_the_same(dataset: Dataset) -> None:
    theirs = its_model()[dataset.display_name]["columns"]
    ours = {column.name: column for column in columns_of("1.4", dataset)}
    assert set(ours) == set(theirs)
    for name, column in ours.items():
        said = (column.type, column.nullable, column.level, column.allowed)
        their = theirs[name]
        assert said == (
            _TYPES[their["data_type"]], their["allows_nulls"], their["feature_level"].lower(),
            tuple(their["allowed_values"] or ()),
        ), name  # fmt: skip
    assert set(DATASETS) == {one for one in Dataset if one.display_name in its_model()}
