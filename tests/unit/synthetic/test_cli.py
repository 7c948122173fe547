"""The command."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from synthetic.cli import generate_command

app = typer.Typer()
app.command("generate")(generate_command)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_it_writes_the_export_and_prints_the_sums(tmp_path: Path) -> None:
    code, output = run("--rows", "400", "--period", "2026-06", "--restate", "5", "--out", str(tmp_path), "--json")
    assert code == 0, output
    assert json.loads(output)["rows"] == 400
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "focus.csv.gz", "focus-restated.csv.gz", "provider-invoices.csv", "provider-invoices-restated.csv",
        "totals.json", "totals-restated.json", "rules.yaml", "teams.csv", "accounts.csv", "cost-centers.csv",
    }  # fmt: skip


def test_bad_usage_exits_with_2_and_says_why(tmp_path: Path) -> None:
    code, output = run("--rows", "400", "--period", "June", "--out", str(tmp_path / "new"))
    assert code == 2
    assert "YYYY-MM" in output
    assert not (tmp_path / "new").exists()
    code, output = run("--rows", "3", "--period", "2026-06", "--out", str(tmp_path / "new"))
    assert code == 2
    (tmp_path / "file").write_text("")
    code, output = run("--rows", "400", "--period", "2026-06", "--out", str(tmp_path / "file"))
    assert code == 2
    assert "cannot write there" in output
