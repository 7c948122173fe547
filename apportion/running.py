"""The stack that commands talk to, if one was started in this directory."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_DIRECTORY = Path(".apportion")


def use_running_stack(directory: Path | None = None) -> None:
    """Point this process at the stack in `directory`, unless its environment already says where services are."""
    if directory is None:
        directory = Path(os.environ.get("APPORTION_STACK", DEFAULT_DIRECTORY))
    if not (directory / "stack.json").exists():
        return
    from deploy.local.stack import Stack

    for name, value in Stack.load(directory).environment().items():
        os.environ.setdefault(name, value)
