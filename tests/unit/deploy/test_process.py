"""Processes are found again by identity, outlive their starter, and never get a signal meant for another."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil

from deploy.local.process import Process, ProcessId, tail_of

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [sys.executable, "-c", f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEP[2]}"]


def spawn(command: list[str], log: Path) -> Process:
    process = Process.spawn(command, log=log)
    while not tail_of(log):
        assert process.alive()
    return process


def test_a_process_outlives_the_program_that_started_it(tmp_path: Path) -> None:
    starter = (
        "from deploy.local.process import Process; from pathlib import Path; import msgspec, sys;"
        f"p = Process.spawn({SLEEP!r}, log=Path({str(tmp_path / 'log')!r}));"
        "sys.stdout.write(msgspec.json.encode(p.identity).decode())"
    )
    said = subprocess.run([sys.executable, "-c", starter], capture_output=True, check=True).stdout
    process = Process(msgspec.json.decode(said, type=ProcessId))
    assert process.alive()
    process.kill()
    assert not process.alive()


def test_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    process = spawn(SLEEP, tmp_path / "log")
    other = Process(ProcessId(process.pid, process.identity.started - 100))
    assert not other.alive()
    other.kill()
    other.stop(1)
    assert process.alive()
    process.kill()


def test_a_process_that_ignores_the_request_is_forced(tmp_path: Path) -> None:
    process = spawn(STUBBORN, tmp_path / "log")
    assert process.stop(0.2) is False
    assert not process.alive()
    assert process.exit_code() == -signal.SIGKILL


def test_asking_is_enough_for_the_others(tmp_path: Path) -> None:
    process = spawn(SLEEP, tmp_path / "log")
    assert process.stop(10) is True
    assert process.exit_code() == -signal.SIGTERM


def test_a_kill_takes_the_children_along(tmp_path: Path) -> None:
    parent = f"import subprocess, time; subprocess.Popen({SLEEP!r}, start_new_session=True); time.sleep(60)"
    process = spawn([sys.executable, "-c", parent], tmp_path / "log")
    child = psutil.Process(process.pid).children()[0]
    identity = ProcessId(child.pid, child.create_time())
    process.kill()
    assert not Process(identity).alive()


def test_only_the_end_of_a_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert tail_of(log, lines=2) == "line 99998\nline 99999"
    assert tail_of(tmp_path / "absent") == ""
