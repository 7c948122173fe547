"""A domain imports the standard library, the shared arithmetic and itself: a list of what is allowed has no gaps."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOMAINS = sorted((ROOT / "services").glob("*/domain"))
# re2 computes and does nothing else: a pattern of a rule must not be able to hang a run.
ALLOWED = ("shared.money", "shared.apportion", "re2")
# Standard, and still not pure: clocks, randomness, files, network, processes.
IMPURE = {"asyncio", "io", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3"}
IMPURE |= {"subprocess", "tempfile", "threading", "time", "urllib", "uuid"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.parent.name)
def test_a_domain_imports_nothing_that_does_anything(domain: Path) -> None:
    own = f"services.{domain.parent.name}.domain"
    standard = sys.stdlib_module_names - IMPURE
    for path in domain.rglob("*.py"):
        for module in imported(path):
            allowed = module.partition(".")[0] in standard or any(is_within(module, one) for one in (own, *ALLOWED))
            assert allowed, f"{path.relative_to(ROOT)} imports {module}"
