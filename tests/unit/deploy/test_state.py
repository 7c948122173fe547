"""The state file comes back as it was written, and a damaged one is not acted on."""

from pathlib import Path

import pytest

from deploy.local import Stack, state
from deploy.local.errors import NotRunning, StateFileDamaged
from deploy.local.process import ProcessId

FULL = state.StackState(
    kafka=state.KafkaState(ProcessId(10, 1763700000.25), 20001, 20002),
    postgres=state.PostgresState(ProcessId(11, 1763700000.5), "apportion"),
    services=(state.ServiceState("ledger", 2, ProcessId(12, 1763700001.75), 20003),),
    topic_prefix="t1.",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state.write(tmp_path, FULL)
    assert state.read(tmp_path) == FULL
    assert [path.name for path in tmp_path.iterdir()] == [state.FILE]


def test_nothing_running_leaves_no_file(tmp_path: Path) -> None:
    state.write(tmp_path, FULL)
    state.write(tmp_path, state.StackState())
    assert state.read(tmp_path) is None
    with pytest.raises(NotRunning, match="apportion up"):
        Stack.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"kafka": 1}', '{"version": 2}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / state.FILE).write_text(text)
    with pytest.raises(StateFileDamaged, match=r"stack\.json"):
        Stack.load(tmp_path)


def test_a_stack_whose_processes_are_gone_is_loaded_and_says_so(tmp_path: Path) -> None:
    state.write(tmp_path, FULL)
    assert [(status.name, status.running) for status in Stack.load(tmp_path).status()] == [
        ("kafka", False),
        ("postgres", False),
        ("ledger-2", False),
    ]
