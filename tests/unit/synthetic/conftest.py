"""One small export, restated, that all tests read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from synthetic.export import Export, generate

Known = dict[str, Any]

_TABLES = {
    "focus": "focus.csv",
    "restated": "focus-restated.csv",
    "invoices": "provider-invoices.csv",
    "accounts": "accounts.csv",
    "teams": "teams.csv",
    "centers": "cost-centers.csv",
}


@dataclass(frozen=True)
class Generated:
    """A generated directory."""

    directory: Path
    wanted: Export

    def known(self, name: str = "totals.json") -> Known:
        known: Known = json.loads((self.directory / name).read_text(encoding="utf-8"))
        return known

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask DuckDB, an outside judge; its tables hold the text of the files, and blank is null."""
        with duckdb.connect(self.directory / "tables.duckdb", read_only=True) as database:
            return database.execute(sql).fetchall()

    def load(self) -> None:
        """Put the files into tables, for queries."""
        with duckdb.connect(self.directory / "tables.duckdb") as database:
            for table, file in _TABLES.items():
                read = f"read_csv('{self.directory / file}', all_varchar=true, header=true)"
                database.execute(f"CREATE TABLE {table} AS SELECT * FROM {read}")


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    wanted = Export(rows=20_000, period="2026-06", seed=7, format="csv", restate=2)
    directory = tmp_path_factory.mktemp("export")
    generate(wanted, directory)
    made = Generated(directory, wanted)
    made.load()
    return made


@pytest.fixture
def generated(tmp_path: Path) -> Callable[..., Generated]:
    def make(name: str = "export", **options: Any) -> Generated:
        wanted = Export(**{"rows": 1_000, "period": "2026-06", "format": "csv", **options})
        generate(wanted, tmp_path / name)
        return Generated(tmp_path / name, wanted)

    return make
