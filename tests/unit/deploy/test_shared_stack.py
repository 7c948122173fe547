"""The session's stack belongs to its living members."""

import os
from pathlib import Path

import msgspec
import pytest

from deploy.local import Stack
from deploy.local.process import ProcessId
from tests.stack.shared import SharedStack

GONE = ProcessId(2**22 + 1, 1.0)


@pytest.fixture(autouse=True)
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Infrastructure that starts nothing and remembers that it was asked to."""
    asked: list[Path] = []
    monkeypatch.setattr(Stack, "start_infrastructure", lambda self: asked.append(self.data_dir))
    monkeypatch.setattr("tests.stack.shared.make_template", lambda _: None)
    return asked


def test_the_last_one_to_leave_removes_everything(tmp_path: Path, starts: list[Path]) -> None:
    membership = SharedStack("s1", tmp_path)
    membership.acquire()
    assert starts == [tmp_path / "s1"]
    membership.release()
    assert not (tmp_path / "s1").exists()


def test_a_member_that_crashed_keeps_nothing_alive(tmp_path: Path, starts: list[Path]) -> None:
    session = tmp_path / "s1"
    session.mkdir()
    (session / "members.json").write_bytes(msgspec.json.encode([GONE]))
    membership = SharedStack("s1", tmp_path)
    membership.acquire()
    assert len(starts) == 1
    members = msgspec.json.decode((session / "members.json").read_bytes(), type=list[ProcessId])
    assert [member.pid for member in members] == [os.getpid()]


def test_what_a_killed_session_left_is_cleared_away(tmp_path: Path) -> None:
    for name, members in (("killed", [GONE]), ("never-began", [])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "members.json").write_bytes(msgspec.json.encode(members))
    SharedStack("s1", tmp_path).acquire()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "s1"]
