"""One Kafka and one PostgreSQL for a whole test session, however many processes run it.

The first process that needs them starts them, the last one that leaves stops them. Who uses them is written down as
process identities rather than as a count, so that a process that crashed doesn't keep them alive, and what a killed
session left behind is cleared away by the next one.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from apportion.operations import migrate_all
from deploy.local import LocalStackError, Stack
from deploy.local.process import Process, ProcessId

MIGRATED = "migrated"
"""The database that tests get a copy of: making the tables of every service anew costs more."""
_ROOT_PREFIX = "apportion-tests"


class Guest(Stack):
    """Services of one test on the session's Kafka and PostgreSQL, with a database and topics of their own."""

    def __init__(self, shared: Stack, data_dir: Path) -> None:
        name = f"t{secrets.token_hex(6)}"
        super().__init__(data_dir, topic_prefix=f"{name}.", database=name)
        self.kafka, self.postgres = shared.kafka, shared.postgres

    def start_infrastructure(self, timeout_s: float = 60) -> None:
        """It runs already; only the database is missing."""
        self.postgres.create_database(self.database, MIGRATED)

    def stop(self, timeout_s: float = 30) -> bool:
        """End the services, and leave the infrastructure to the others."""
        for name in list(self.services):
            self.kill(name)
        self.postgres.drop_database(self.database)
        return True


class SharedStack:
    """This process's membership in the session's stack."""

    def __init__(self, session: str, root: Path | None = None) -> None:
        self.root = root or Path(tempfile.gettempdir()) / f"{_ROOT_PREFIX}-{os.getuid()}"
        self.session_dir = self.root / session
        self._me = ProcessId.of(os.getpid())

    def acquire(self) -> Stack:
        """Join, starting the stack when nobody has it running."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            self._sweep_abandoned()
            self.session_dir.mkdir(exist_ok=True)
            others = self._living(self.session_dir)
            self._write_members([*others, self._me])
            if others:
                return Stack.load(self.session_dir)
            _stop(self.session_dir)
            stack = Stack(self.session_dir)
            stack.start_infrastructure()
            make_template(stack)
            return stack

    def release(self) -> None:
        """Leave, stopping the stack when nobody is left."""
        with self._locked():
            others = [member for member in self._living(self.session_dir) if member != self._me]
            self._write_members(others)
            if not others:
                _remove(self.session_dir)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _sweep_abandoned(self) -> None:
        for directory in self.root.iterdir():
            if directory.is_dir() and directory != self.session_dir and not self._living(directory):
                _remove(directory)

    @staticmethod
    def _living(directory: Path) -> list[ProcessId]:
        try:
            members = msgspec.json.decode((directory / "members.json").read_bytes(), type=list[ProcessId])
        except FileNotFoundError:
            return []
        return [member for member in members if Process(member).alive()]

    def _write_members(self, members: list[ProcessId]) -> None:
        (self.session_dir / "members.json").write_bytes(msgspec.json.encode(members))


def make_template(stack: Stack) -> None:
    """Make the database with the tables of all services."""
    asyncio.run(migrate_all(stack.postgres.create_database(MIGRATED)))


def _stop(directory: Path) -> None:
    """Killed, not stopped: nobody wants the data any more, and a clean stop takes longer."""
    with suppress(LocalStackError):
        stack = Stack.load(directory)
        for status in stack.status():
            stack.kill(status.name)


def _remove(directory: Path) -> None:
    _stop(directory)
    shutil.rmtree(directory, ignore_errors=True)
