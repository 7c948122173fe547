"""Processes that outlive the program that starts them, and are never mistaken for others.

A pid alone isn't an identity: after a reboot or a long uptime it belongs to someone else. So a process is known by its
pid and its start time together, and nothing is signalled whose start time differs.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

# Start times are derived from the boot time, which clock corrections move a little between two readings.
_START_TOLERANCE_S = 2.0
_POLL_S = 0.02
_KILLED_S_MAX = 10.0
TAIL_LINES = 20
_TAIL_BYTES_MAX = 64 * 1024


class ProcessId(msgspec.Struct, frozen=True):
    """What is enough to find the same process again, and only that one."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """The identity of the process that has this pid now."""
        return cls(pid, psutil.Process(pid).create_time())


# Kept for as long as this program runs: only a parent can ask for an exit code, and a child that is meant to outlive
# its handle isn't a forgotten one, which is what Python would otherwise warn of.
_children: dict[ProcessId, subprocess.Popen[bytes]] = {}


class Process:
    """A process of ours, started here or found again by its identity."""

    def __init__(self, identity: ProcessId) -> None:
        self.identity = identity
        self._child = _children.get(identity)

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> "Process":
        """Start in a session of its own, so that neither Ctrl-C nor our own end reaches it; output goes to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=True,
            )
        identity = ProcessId.of(child.pid)
        _children[identity] = child
        return cls(identity)

    @property
    def pid(self) -> int:
        """For messages; to signal, use the methods here, which check the start time first."""
        return self.identity.pid

    def exit_code(self) -> int | None:
        """Known only for processes this program started itself."""
        return self._child.poll() if self._child else None

    def alive(self) -> bool:
        """False as well for a zombie: it has ended, and only its parent hasn't asked yet.

        A zombie with threads left is still ending: its ports and files are still in use.
        """
        return self._find() is not None

    def wait(self, timeout_s: float) -> bool:
        """True when it ended in time."""
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def stop(self, timeout_s: float, ask: signal.Signals = signal.SIGTERM) -> bool:
        """Ask, wait, then force. True when asking was enough."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if found := self._find():
                found.send_signal(ask)
        if self.wait(timeout_s):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """End it and its descendants at once, as a power cut would; returns when they are gone.

        It is frozen first, so that it can't start another child between the listing and the kill.
        """
        found = self._find()
        if found is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            found.suspend()
            descendants = [
                Process(ProcessId(child.pid, child.create_time())) for child in found.children(recursive=True)
            ]
            found.kill()
            for descendant in descendants:
                descendant.kill()
        self.wait(_KILLED_S_MAX)

    def _find(self) -> psutil.Process | None:
        if self._child is not None:
            return psutil.Process(self._child.pid) if self._child.poll() is None else None
        try:
            found = psutil.Process(self.identity.pid)
            if abs(found.create_time() - self.identity.started) > _START_TOLERANCE_S:
                return None
            ended = found.status() == psutil.STATUS_ZOMBIE and found.num_threads() <= 1
            return None if ended else found
        except psutil.NoSuchProcess:
            return None


def tail_of(log: Path, lines: int = TAIL_LINES) -> str:
    """The end of a log for an error message; bounded, whatever the log has grown to."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES_MAX))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
