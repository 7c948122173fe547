"""Fixtures for tests that need the real thing. Unit tests never ask for them, so they never start it."""

import os
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.local import Stack
from tests.stack.memory import keep_files_in_memory
from tests.stack.service import forked_services
from tests.stack.shared import MIGRATED, SharedStack

keep_files_in_memory()

# How fast an example runs says more about the machine than about the code.
settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=30)
settings.register_profile("thorough", settings.get_profile("usual"), max_examples=100)
settings.load_profile("usual")


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    """The session's Kafka and PostgreSQL, shared by all test processes: never stop it or take fixed names in it."""
    membership = SharedStack(os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex)
    yield membership.acquire()
    membership.release()


@pytest.fixture
def kafka_bootstrap(shared_stack: Stack) -> str:
    """Kafka's address."""
    return shared_stack.bootstrap


@pytest.fixture
def database_url(shared_stack: Stack) -> Iterator[str]:
    """An empty database of the test's own."""
    name = f"t{secrets.token_hex(6)}"
    yield shared_stack.postgres.create_database(name)
    shared_stack.postgres.drop_database(name)


@pytest.fixture
def migrated_database_url(shared_stack: Stack) -> Iterator[str]:
    """A database of the test's own, with the tables of all services."""
    name = f"t{secrets.token_hex(6)}"
    yield shared_stack.postgres.create_database(name, MIGRATED)
    shared_stack.postgres.drop_database(name)


@pytest.fixture
def topic_prefix() -> str:
    """Put before every topic and group name, so that tests side by side don't read each other's records."""
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def private_stack(tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    """Makes stacks, not started yet, for tests that kill the broker or the database. Removed after the test, but for
    their logs: those stay in its `tmp_path`.
    """
    stacks: list[Stack] = []

    def make() -> Stack:
        # Not below tmp_path: its long name wouldn't leave room for a unix socket.
        stacks.append(Stack(Path(tempfile.mkdtemp(prefix="apportion-test-"))))
        return stacks[-1]

    yield make
    for stack in stacks:
        for status in stack.status():
            stack.kill(status.name)
        if (logs := stack.data_dir / "logs").is_dir():
            shutil.copytree(logs, tmp_path / "logs" / stack.data_dir.name)
        shutil.rmtree(stack.data_dir, ignore_errors=True)


@pytest.fixture(scope="module")
def forked() -> Iterator[None]:
    """Stacks that this test process starts fork their services, which saves the imports."""
    with forked_services():
        yield
