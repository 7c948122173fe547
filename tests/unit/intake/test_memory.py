"""Where a process of intake takes memory from."""

from __future__ import annotations

import subprocess
import sys


def test_all_of_arrow_takes_memory_where_it_is_given_back() -> None:
    """Arrow decides when it is imported, so whatever `__main__` imports before setting memory up may break it."""
    asked = "import services.intake.__main__, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "system"
