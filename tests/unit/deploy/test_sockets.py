"""A unix socket finds a place that is short enough and nobody else's."""

import tempfile
from pathlib import Path

import pytest

from deploy.local.errors import DataDirectoryNotWritable
from deploy.local.sockets import release_socket_directory, socket_directory


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_short_path_holds_its_own_socket() -> None:
    assert socket_directory(Path("/srv/apportion")) == Path("/srv/apportion")


def test_a_deep_path_always_gets_the_same_short_one(temporary: Path) -> None:
    deep = Path("/srv") / ("deep" * 30)
    assert socket_directory(deep) == socket_directory(deep)
    assert socket_directory(deep).parent == temporary
    assert socket_directory(deep) != socket_directory(deep / "other")
    release_socket_directory(deep)
    release_socket_directory(deep / "other")
    assert list(temporary.iterdir()) == []


def test_a_directory_that_others_can_enter_is_refused(temporary: Path) -> None:
    deep = Path("/srv") / ("deep" * 30)
    socket_directory(deep).chmod(0o777)
    with pytest.raises(DataDirectoryNotWritable, match="someone else"):
        socket_directory(deep)
