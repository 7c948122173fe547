"""What runs in a data directory, on disk, so that a later program can ask after it and stop it."""

import os
import tempfile
from pathlib import Path

import msgspec

from deploy.local.errors import StateFileDamaged
from deploy.local.process import ProcessId

FILE = "stack.json"
_VERSION = 1


class KafkaState(msgspec.Struct, frozen=True):
    """A broker and where it listens."""

    process: ProcessId
    port: int
    controller_port: int


class PostgresState(msgspec.Struct, frozen=True):
    """A server; its socket follows from the data directory."""

    process: ProcessId
    database: str


class ServiceState(msgspec.Struct, frozen=True):
    """One process of a service and its HTTP port. `instance` counts from 1."""

    service: str
    instance: int
    process: ProcessId
    port: int


class StackState(msgspec.Struct, frozen=True):
    """Everything that a stack has running. An empty one is written as no file at all."""

    kafka: KafkaState | None = None
    postgres: PostgresState | None = None
    services: tuple[ServiceState, ...] = ()
    topic_prefix: str = ""
    version: int = _VERSION


def processes(state: StackState) -> list[tuple[str, ProcessId]]:
    """Every recorded process with the name that a person knows it by."""
    found = [("kafka", state.kafka.process)] if state.kafka else []
    found += [("postgres", state.postgres.process)] if state.postgres else []
    return found + [(one.service, one.process) for one in state.services]


def write(data_dir: Path, state: StackState) -> None:
    """Replace the file as a whole: a reader sees the old state or the new one, never half of one."""
    path = data_dir / FILE
    if state.kafka is None and state.postgres is None and not state.services:
        path.unlink(missing_ok=True)
        return
    with tempfile.NamedTemporaryFile(dir=data_dir, prefix=f".{FILE}.", delete=False) as file:
        file.write(msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def read(data_dir: Path) -> StackState | None:
    """The state, or None where no stack has run."""
    path = data_dir / FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(text, type=StackState)
    except msgspec.MsgspecError as error:
        raise StateFileDamaged(path, str(error)) from error
    if state.version != _VERSION:
        raise StateFileDamaged(path, f"it has version {state.version}, this program writes {_VERSION}")
    return state
