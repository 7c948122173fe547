"""Named points where a test can kill the process, to prove that every step may be the last one.

`APPORTION_FAILPOINT=ledger.committed:3` sends SIGKILL to the process when it reaches `ledger.committed` for the third
time; the name may hold `*`. Without the variable a point costs one comparison per batch.
"""

from __future__ import annotations

import os
import signal
from fnmatch import fnmatchcase
from itertools import count
from typing import Final

ENVIRONMENT_VARIABLE: Final = "APPORTION_FAILPOINT"
_name, _, _times = os.environ.get(ENVIRONMENT_VARIABLE, "").partition(":")
_visits = count(1)
_fatal_visit = int(_times or 1)


def reach(name: str) -> None:
    """Say that the process is at a numbered step; kills it, as power loss would, if a test asked for that."""
    if _name and fnmatchcase(name, _name) and next(_visits) == _fatal_visit:
        os.kill(os.getpid(), signal.SIGKILL)
