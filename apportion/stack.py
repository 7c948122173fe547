"""The embedded stack as commands see it: start it whole, find a running one, stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from apportion.operations import migrate_all
from apportion.running import DEFAULT_DIRECTORY
from deploy.local.errors import LocalStackError
from deploy.local.services import SERVICES
from deploy.local.stack import Stack
from shared import topic_admin
from shared.terminal import FAULT, Json, err, fail, out, print_json
from shared.terminal import table as new_table

Directory = Annotated[Path, typer.Option("--dir", help="Directory of the stack: its data, logs and files.")]


def start_stack(stack: Stack, files_dir: Path, progress: Callable[[str], None]) -> None:
    """Bring up Kafka and PostgreSQL, make schemas and topics, then start the four services."""
    stack.start_infrastructure()
    progress("preparing database and topics")
    prepare(stack)
    stack.start_services(SERVICES, env={"APPORTION_FILES_DIR": str(files_dir)})


def prepare(stack: Stack) -> None:
    """Make schemas and topics on a stack whose Kafka and PostgreSQL run."""

    async def both() -> None:
        await asyncio.gather(migrate_all(stack.database_url), topic_admin.apply(stack.bootstrap, stack.topic_prefix))

    asyncio.run(both())


def up(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Start Kafka, PostgreSQL and the four services here and leave them running; `apportion down` stops them.

    Other commands find this stack by themselves when they are run in the same directory.
    """
    directory = directory.absolute()
    stack = None
    try:
        stack = Stack(directory, progress=err.print)
        start_stack(stack, directory / "files", err.print)
    except LocalStackError as error:
        if stack is not None:
            stack.stop()
        fail(str(error), FAULT)
    show_status(stack)


def down(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Stop the stack that `apportion up` started; its data stay, and `up` continues with them."""
    try:
        Stack.load(directory.absolute(), progress=err.print).stop()
    except LocalStackError as error:
        fail(str(error), FAULT)


def status(directory: Directory = DEFAULT_DIRECTORY, as_json: Json = False) -> None:
    """Show which parts of the stack run, where they answer and where they log."""
    try:
        show_status(Stack.load(directory.absolute()), as_json)
    except LocalStackError as error:
        fail(str(error), FAULT)


def show_status(stack: Stack, as_json: bool = False) -> None:
    """Print one row per process."""
    if as_json:
        print_json([asdict(part) | {"log": str(part.log)} for part in stack.status()])
        return
    table = new_table("part", "state", "pid", "log", "address")
    for column in table.columns[:-1]:
        column.no_wrap = True
    parts = stack.status()
    for part in parts:
        state = "running" if part.running else "stopped"
        table.add_row(part.name, state, str(part.pid), part.log.name, part.address)
    out.print(table)
    for directory in sorted({part.log.parent for part in parts}):
        out.print(f"logs are in {directory}", markup=False, soft_wrap=True)
