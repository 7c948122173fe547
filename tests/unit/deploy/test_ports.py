"""Ports of services are known before the services listen, so being free is not enough."""

from pathlib import Path

import pytest

from deploy.local import SERVICES, Stack


def test_no_port_is_promised_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([20_001, 20_001, 20_001, 20_002, 20_002, 20_003, 20_001, 20_004])
    monkeypatch.setattr("deploy.local.ports.free_port", lambda: next(drawn))
    stack = Stack(tmp_path)
    assert [stack.url(name)[-5:] for name in SERVICES] == ["20001", "20002", "20003", "20004"]
