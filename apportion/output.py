"""Where commands write: results to stdout, progress and errors to stderr."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

out = Console(soft_wrap=False, highlight=False)
err = Console(stderr=True, highlight=False)


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong and what to do, and exit: 1 a fault, 2 bad usage or input, 3 blocked or refused."""
    err.print(f"apportion: {message}", markup=False, style="red")
    raise typer.Exit(code)
