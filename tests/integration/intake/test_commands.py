"""`apportion ingest` and `apportion intake ...` against a running intake: from a bad export to its release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apportion.cli import app
from tests.integration.intake.world import World
from tests.unit.intake.exports import charge, write_csv


async def test_from_a_bad_export_to_its_release(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start(reject_limit="1%")
    monkeypatch.setenv("APPORTION_INTAKE_URL", str(world.http.base_url))
    monkeypatch.setattr("apportion.cli.use_running_stack", lambda: None)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path, code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(one) for one in arguments])
        assert done.exit_code == code, done.output
        return str(done.output)

    file = write_csv(tmp_path / "bad.csv", [charge(1), charge(2, BilledCost="1,5"), charge(3, InvoiceId="")])
    assert "is no limit of rejections" in run("ingest", file, "--source", "aws", "--reject-limit", "many", code=2)
    said = run("ingest", file, "--source", "aws", code=3)
    assert "1 of 3 rows are rejected, more than the limit of 1 %" in said.replace("\n", " ")

    (shown,) = json.loads(run("intake", "deliveries", "--json"))
    delivery = shown["delivery_id"]
    assert (shown["state"], shown["flagged_rows"], shown["seconds"]) == ("held", 1, None)
    report = json.loads(run("intake", "quality", delivery, "--json", "--html", tmp_path / "page.html"))
    assert (report["rows"]["rejected"], [flag["code"] for flag in report["flags"]]) == (1, ["invoice-id-missing"])
    page = (tmp_path / "page.html").read_text("utf-8")
    assert f"apportion intake release {delivery}" in page
    assert page == world.http.get(f"/v1/deliveries/{delivery}/quality.html").text
    assert "amount-unreadable" in run("intake", "quality", delivery)
    run("intake", "rejected", delivery, "--out", tmp_path / "rejected.jsonl")
    assert (tmp_path / "rejected.jsonl").stat().st_mode == file.stat().st_mode, "as readable as any other new file"
    (rejected,) = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text("utf-8").splitlines()]
    assert (rejected["line"], rejected["row"]["ResourceId"]) == (3, "vm-2")

    assert "released" in run("intake", "release", delivery, "--by", "ann", "--reason", "one row of tax, known")
    done = world.finish(delivery)
    assert (done["state"], done["charges"]) == ("complete", 2)
    for sample in ('rejected_rows_total{code="amount-unreadable"}', 'flags_total{code="invoice-id-missing"}'):
        assert world.shows(f"apportion_intake_{sample} 1.0"), sample
    assert "not held" in run("intake", "cancel", delivery, "--by", "ben", "--reason", "too late", code=3)
    assert "released by ann" in run("intake", "deliveries", delivery)
    monkeypatch.setenv("COLUMNS", "80")
    shown_in_80_columns = run("intake", "deliveries") + run("intake", "quality", delivery)
    assert max(map(len, shown_in_80_columns.splitlines())) <= 80
    words = ("complete", "aws #1", delivery, "1 rejected", "1 flagged", "+2", "4.5", "amount-unreadable", "72.22 %")
    assert [word for word in words if word not in shown_in_80_columns] == []
    assert "no delivery nope" in run("intake", "quality", "nope", code=2)
