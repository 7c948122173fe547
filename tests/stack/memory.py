"""Files of tests are kept in memory where there is room: they live for seconds, and no test asks what a power cut does.

What a killed process wrote is there all the same. Waiting for disks, and the system's work for them, is a fifth of what
tests against real Kafka and PostgreSQL take.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_FREE_BYTES_MIN = 4 << 30


def keep_files_in_memory() -> None:
    """Make temporary directories in memory from now on, in this process and those that it starts. `TMPDIR` wins."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _FREE_BYTES_MIN:
        return
    directory = _MEMORY / f"apportion-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(directory)
